"""What a connection makes of bytes, without a network: requests, and how it ended."""

import asyncio
import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from routstr.core.http_guard import GuardedProtocol
from tests.security.fuzzing import cut


class Line(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class _Loop:
    """No time passes, and nothing is answered."""

    def call_later(self, *_: object) -> "_Loop":
        return self

    def call_soon(self, *_: object) -> None: ...

    def cancel(self) -> None: ...

    def time(self) -> float:
        return 0.0


class Recorder(GuardedProtocol):
    """Notes requests instead of serving them; the first one stays unanswered."""

    begun: Any = None

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.begun = cycle

    def handle_websocket_upgrade(self) -> None:
        self.begun = "a WebSocket"
        self.transport.close()


@cache
def _config() -> uvicorn.Config:
    config = uvicorn.Config(
        _nobody,
        log_config=None,
        interface="asgi3",
        proxy_headers=False,
        ws="websockets-sansio",
        h11_max_incomplete_event_size=64 * 1024,
    )
    config.load()
    return config


async def _nobody(_scope: object, _receive: object, _send: object) -> None: ...


def heard(pieces: Sequence[bytes]) -> object:
    """What is understood of these bytes: the requests in order, and the status of a refusal."""
    protocol: Any = Recorder(_config(), ServerState(), {}, _loop=_Loop())  # type: ignore[arg-type]
    line = Line()
    protocol.connection_made(line)
    for piece in pieces:
        if piece and not line.closing:
            protocol.data_received(piece)
    cycles = [protocol.begun, *(cycle for cycle, _ in reversed(protocol.pipeline))]
    requests = [
        (
            cycle.scope["method"],
            cycle.scope["raw_path"],
            cycle.scope["headers"],
            bytes(cycle.body),
            cycle.more_body,
        )
        for cycle in cycles
        if not isinstance(cycle, str | None)
    ]
    return protocol.begun is None, requests, line.closing, line.written[:12]


def read(data: bytes, chance: random.Random) -> None:
    """Cut anyhow, bytes are the same requests."""
    assert heard(cut(data, chance)) == heard([data])
