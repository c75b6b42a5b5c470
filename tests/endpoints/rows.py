"""The endpoints of the matrix, how they are asked, and what of the matrix they do not have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal, Protocol

import aiohttp

from devkit.upstream.media import PICTURE, SOUND
from tests.endpoints import saying
from tests.endpoints.prices import TOOL
from tests.endpoints.saying import QUESTION, Use, Words

Form = Literal["whole", "stream"]
FORMS: Final[tuple[Form, ...]] = ("whole", "stream")
_LIMIT: Final = 32
_MESSAGES: Final = [{"role": "user", "content": QUESTION}]
_LOOK: Final = {"prompt": QUESTION, "size": "1024x1024", "quality": "low"}


class Uses(Protocol):
    """Makes up one use."""

    def __call__(self, rng: Random, *, stream: bool) -> Use: ...


@dataclass(frozen=True, slots=True)
class Row:
    """An endpoint that is paid for, in one form.

    ``body`` are fields of the request beside the model's; ``files`` make a form of it. ``paid`` is
    when it is charged: at its end, with the first byte of the answer, or before its head (``call``,
    whatever the answer says). ``pieces`` of the provider's stream come before it breaks off, and
    ``first`` before the client hangs up.
    """

    name: str
    path: str
    form: Form
    model: str
    uses: Uses
    body: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    paid: Literal["end", "first byte", "call"] = "end"
    pieces: int = 5
    first: int = 1
    estimates: bool = False
    """A bill of what was not told says that it is an estimate."""
    cuts: str = "error"
    """What a client sees of a provider that breaks off: an error, or a connection that ends."""

    @property
    def stream(self) -> bool:
        return self.form == "stream"

    def __str__(self) -> str:
        return f"{self.name}, {self.form}"

    def request(self, use: Use) -> dict[str, Any]:
        """Arguments of a request for this use."""
        fields = {"model": self.model, **self.body, **use.more}
        if not self.files:
            return {"data": json.dumps(fields).encode(), "kind": "application/json"}
        form = aiohttp.FormData()
        for name, value in fields.items():
            form.add_field(name, str(value).lower() if isinstance(value, bool) else str(value))
        for name, content in self.files.items():
            form.add_field(name, content, filename=f"{name}.bin")
        return {"data": form, "kind": ""}


@dataclass(frozen=True, slots=True)
class FreeRow:
    """A route that costs nothing, whatever credential comes with it, and asks no provider."""

    name: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Absent:
    """A combination that does not exist, and why."""

    name: str
    form: Form
    why: str


def _both(name: str, path: str, model: str, uses: Uses, **more: Any) -> list[Row]:
    """Whole and as a stream."""
    body = more.pop("body")
    return [
        Row(name, path, form, model, uses, {**body, "stream": form == "stream"}, **more)
        for form in FORMS
    ]


def _worded(name: str, uses: Words, body: Mapping[str, Any], model: str = "words") -> list[Row]:
    path = f"/v1/{name.partition(',')[0]}"
    return _both(name, path, model, uses, body=body, first=2, estimates=True)


def _whole(name: str, model: str, uses: Uses, body: Mapping[str, Any], **more: Any) -> Row:
    return Row(name, f"/v1/{name}", "whole", model, uses, body, **more)


_RESPONSE: Final = {"input": QUESTION, "max_output_tokens": _LIMIT}
_MESSAGE: Final = {"messages": _MESSAGES, "max_tokens": _LIMIT}
_DOCUMENTS: Final = {"query": "people", "documents": [QUESTION, "The world."]}

ROWS: Final[tuple[Row, ...]] = (
    *_worded("chat/completions", Words(), _MESSAGE),
    *_worded("completions", Words(), {"prompt": QUESTION, "max_tokens": _LIMIT}),
    *_worded("responses", Words("responses"), _RESPONSE),
    *_worded("messages", Words("messages"), _MESSAGE),
    *_worded("responses, translated", Words(), _RESPONSE, "translated"),
    *_worded("messages, translated", Words(), _MESSAGE, "translated"),
    _whole("embeddings", "vectors", saying.reads, {"input": QUESTION}, estimates=True),
    _whole("moderations", "words", saying.reads, {"input": QUESTION}, estimates=True),
    _whole("rerank", "vectors", saying.reads, _DOCUMENTS, estimates=True),
    *_both(
        "images/generations",
        "/v1/images/generations",
        "paints",
        saying.paints,
        body=_LOOK,
        pieces=1,
    ),
    *_both(
        "images/edits",
        "/v1/images/edits",
        "draws",
        saying.draws,
        body=_LOOK,
        files={"image": PICTURE},
        pieces=1,
    ),
    _whole(
        "images/variations", "draws", saying.draws, {"size": "1024x1024"}, files={"image": PICTURE}
    ),
    _whole(
        "audio/speech",
        "speaks",
        saying.speaks,
        {"voice": "alloy"},
        paid="first byte",
        cuts="connection",
    ),
    Row(
        "audio/speech",
        "/v1/audio/speech",
        "stream",
        "talks",
        saying.talks,
        {"voice": "alloy", "stream_format": "sse"},
        pieces=2,
    ),
    _whole("audio/transcriptions", "hears", saying.hears, {}, files={"file": SOUND}),
    Row(
        "audio/transcriptions",
        "/v1/audio/transcriptions",
        "stream",
        "listens",
        saying.listens,
        {"stream": True},
        {"file": SOUND},
        pieces=2,
    ),
    _whole("audio/translations", "listens", saying.listens, {}, files={"file": SOUND}),
    *_both(
        "tools/{name}",
        TOOL.format(name="saw"),
        "a tool",
        saying.works,
        body={},
        paid="call",
        cuts="connection",
    ),
)

FREE: Final[tuple[FreeRow, ...]] = (
    FreeRow(
        "messages/count_tokens",
        "POST",
        "/v1/messages/count_tokens",
        {"model": "words", "messages": _MESSAGES},
    ),
    FreeRow("estimate", "POST", "/v1/estimate", {"model": "words", "messages": _MESSAGES}),
    FreeRow("models", "GET", "/v1/models"),
    FreeRow("models/{id}", "GET", "/v1/models/words"),
)

ABSENT: Final[tuple[Absent, ...]] = (
    *(
        Absent(name, "stream", "nothing is written that could be streamed")
        for name in ("embeddings", "moderations", "rerank")
    ),
    Absent("images/variations", "stream", "the API streams no variations"),
    Absent("audio/translations", "stream", "the API streams no translations"),
    Absent("realtime", "whole", "a conversation over a WebSocket is a stream"),
    *(Absent(row.name, "stream", "one JSON answer, and no provider is asked") for row in FREE),
)
