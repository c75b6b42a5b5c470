"""What a provider sends: events that pass as they came, but for the few that concern the node.

A ``response.done`` gets its cost, errors lose what they tell of the node's own account, and
``rate_limits.updated`` is left out: those limits are the node's.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from routstr.errors import UpstreamError
from routstr.payment.metering import Receipt
from routstr.payment.usage import Usage
from routstr.payment.usage_reading import parse_usage
from routstr.proxy.fields import Fields, encode, read_fields, value
from routstr.proxy.receipts import TOKEN_COUNTS, add_receipt
from routstr.upstream.faults import shown

CREATED: Final = "response.created"
DONE: Final = "response.done"
ERROR: Final = "error"
COMMITTED: Final = "input_audio_buffer.committed"
CLEARED: Final = "input_audio_buffer.cleared"
TRANSCRIPT: Final = "conversation.item.input_audio_transcription.completed"
TRANSCRIPT_FAILED: Final = "conversation.item.input_audio_transcription.failed"
SESSIONS: Final = frozenset({"session.created", "session.updated"})
UPDATED: Final = "session.updated"
PRIVATE: Final = frozenset({"rate_limits.updated"})
_SOUND: Final = frozenset({"response.output_audio.delta", "response.audio.delta"})
_QUOTES: Final = 2
_OWN_ACCOUNT: Final = ("quota", "billing", "api_key", "account", "credit", "organization")
_OWN_TROUBLE: Final = {
    "type": "upstream_error",
    "code": "upstream_request_failed",
    "message": "The provider refused this node's account.",
}


class News(msgspec.Struct):
    """One event of the provider's; what is not looked at stays as it came."""

    type: str
    response_id: str | None = None
    delta: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()
    session: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    item_id: str | None = None

    @property
    def sound(self) -> int:
        """Bytes of speech in it."""
        return max(0, len(bytes(self.delta)) - _QUOTES) * 3 // 4 if self.type in _SOUND else 0

    @property
    def text(self) -> str:
        """Text that the model has written, in it."""
        if self.type in _SOUND or not self.type.endswith(".delta"):
            return ""
        found = _plain(self.delta)
        return found if isinstance(found, str) else ""

    @property
    def settings(self) -> Mapping[str, object]:
        """The session as the provider has it."""
        found = _plain(self.session)
        return found if isinstance(found, dict) else {}

    @property
    def trouble(self) -> Mapping[str, object]:
        """What an ``error`` says."""
        found = _plain(self.error)
        return found if isinstance(found, dict) else {}


class Transcript:
    """What an event says that ends a transcription."""

    __slots__ = ("_fields", "failed", "item", "text", "usage")

    def __init__(self, text: str, news: News) -> None:
        self._fields: Final[Fields] = read_fields(text.encode()) or {}
        said = value(self._fields, "transcript")
        self.item: Final = news.item_id or ""
        self.failed: Final = news.type == TRANSCRIPT_FAILED
        self.text: Final = said if isinstance(said, str) else ""
        self.usage: Final = value(self._fields, "usage")

    def with_cost(self, receipt: Receipt, provider: str) -> str:
        """The event with what it cost."""
        add_receipt(self._fields, self.usage, receipt, provider, counts_as=TOKEN_COUNTS)
        return encode(self._fields).decode()


class Outcome:
    """The response of a ``response.created`` or ``response.done``."""

    __slots__ = ("_event", "_fields", "id", "status", "usage")

    def __init__(self, text: str, news: News) -> None:
        self._event: Final = text
        self._fields: Final[Fields] = read_fields(bytes(news.response)) or {}
        found = value(self._fields, "id")
        self.id: Final = found if isinstance(found, str) else news.response_id or ""
        self.status: Final = value(self._fields, "status")
        self.usage: Final[Usage | None] = parse_usage(value(self._fields, "usage"))

    def with_cost(self, receipt: Receipt, provider: str) -> str:
        """The event with what it cost, in the words of every other endpoint."""
        fields = self._fields
        details = value(fields, "status_details")
        if isinstance(details, dict) and isinstance(details.get("error"), dict):
            details["error"] = clean(details["error"])
            fields["status_details"] = msgspec.Raw(encode(details))
        reported = value(fields, "usage")
        add_receipt(fields, reported, receipt, provider, counts_as=TOKEN_COUNTS)
        event = read_fields(self._event.encode()) or {}
        event["response"] = msgspec.Raw(encode(fields))
        return encode(event).decode()


_news_of: Final = msgspec.json.Decoder(News).decode
_plain_of: Final = msgspec.json.Decoder().decode


def read_news(text: str) -> News:
    """Read an event. Raises :class:`UpstreamError` for what is none."""
    try:
        return _news_of(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise UpstreamError("The provider sent what is no event.") from None


def cleaned(text: str, news: News) -> str:
    """An ``error`` event that may be shown."""
    event = read_fields(text.encode()) or {}
    event["error"] = msgspec.Raw(encode(clean(news.trouble)))
    return encode(event).decode()


def clean(error: Mapping[str, object]) -> Mapping[str, object]:
    """An error of the provider's, without ids, keys, and what concerns the node's account."""
    told = f"{error.get('type')} {error.get('code')}".lower()
    if any(word in told for word in _OWN_ACCOUNT):
        return {**_OWN_TROUBLE, "event_id": error.get("event_id")}
    return {
        name: shown(error[name]) if isinstance(error[name], str) else None
        for name in ("type", "code", "message", "param", "event_id")
        if name in error
    }


def _plain(raw: msgspec.Raw) -> object:
    try:
        return _plain_of(raw) if bytes(raw) else None
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
