"""Alerts to the operator: a JSON POST to a web hook, messages to a topic of ntfy and on Nostr.

Every connection is checked like those to mints: no private address, no redirect. An alert names
mints, providers and figures, never a key or a token.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout
from msgspec import Struct

from routstr.core.logging import get_logger
from routstr.payment.alert_store import Alert

_SECONDS_MAX: Final = 10.0
_OK: Final = range(200, 300)
_log: Final = get_logger(__name__)


class Wording(Struct, frozen=True):
    """An alert for people: what is wrong, and what to do."""

    title: str
    advice: str


class AlertSender:
    """Sends to every place that is set; an address that is empty is not."""

    def __init__(
        self,
        session: ClientSession,
        word: Callable[[Alert], Wording],
        *,
        node: str,
        webhook_url: str,
        ntfy_url: str,
        message: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        """``node`` is the node's name; ``message`` writes to the operator, where that is wanted."""
        self._session: Final = session
        self._word: Final = word
        self._node: Final = node
        self._webhook_url: Final = webhook_url
        self._ntfy_url: Final = ntfy_url
        self._message: Final = message

    async def send(self, alert: Alert) -> bool:
        """See :class:`routstr.payment.alert_board.Sender`: false when no place took it."""
        wording = self._word(alert)
        taken = []
        if self._webhook_url:
            body = json.dumps(self._told(alert, wording)).encode()
            headers = {"Content-Type": "application/json"}
            taken.append(await self._post(self._webhook_url, body, headers))
        if self._ntfy_url:
            over = alert.cleared_at is not None
            title = f"{self._node}: {wording.title}"
            headers = {
                "Title": title.encode("ascii", "replace").decode().replace("\n", " "),
                "Tags": "white_check_mark" if over else "warning",
                "Priority": "default" if over else "high",
            }
            taken.append(await self._post(self._ntfy_url, wording.advice.encode(), headers))
        if self._message is not None:
            text = f"{self._node}: {wording.title}\n\n{wording.advice}"
            taken.append(await self._message(text))
        return any(taken)

    def _told(self, alert: Alert, wording: Wording) -> dict[str, object]:
        ended = alert.cleared_at
        return {
            "node": self._node,
            "alert": alert.name,
            "subject": alert.subject,
            "state": "raised" if ended is None else "cleared",
            "since": _moment(alert.since),
            "cleared": None if ended is None else _moment(ended),
            "title": wording.title,
            "what_to_do": wording.advice,
            "facts": alert.facts,
        }

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> bool:
        timeout = ClientTimeout(total=_SECONDS_MAX)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                if answer.status in _OK:
                    return True
                problem = f"status {answer.status}"
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            problem = type(error).__name__
        _log.warning("alert_not_sent", problem=problem)
        return False


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="seconds")
