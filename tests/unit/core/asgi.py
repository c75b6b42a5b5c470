"""A client that calls an ASGI application directly and shows exactly what it sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Scope


@dataclass
class Answer:
    """The messages of one response."""

    messages: list[Message] = field(default_factory=list)
    raised: BaseException | None = None

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def complete(self) -> bool:
        return bool(self.messages) and not self.messages[-1].get("more_body", False)

    def all(self, name: str) -> list[str]:
        headers = self.messages[0]["headers"]
        return [value.decode() for key, value in headers if key.decode() == name]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def http_scope(method: str, path: str, headers: Iterable[tuple[str, str]] = ()) -> Scope:
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": ("192.0.2.1", 1),
        "server": ("node", 80),
    }


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    chunks: Sequence[bytes] = (b"",),
) -> Answer:
    """One request; an exception of the application is kept in the answer, as a server would."""
    answer = Answer()
    pending = [
        {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]

    async def receive() -> Message:
        return pending.pop(0) if pending else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        assert not answer.messages or message["type"] != "http.response.start", "sent twice"
        answer.messages.append(message)

    try:
        await app(http_scope(method, path, headers), receive, send)
    except Exception as error:  # noqa: BLE001 - shown to the test
        answer.raised = error
    return answer
