from typing import Any

import pytest

from routstr.core.clock import ManualClock
from routstr.errors import RateLimitError
from routstr.proxy.limits.free import LimitedApp
from tests.unit.core.asgi import http_scope
from tests.unit.proxy.limits.gating import gate_of, limits


class Caller:
    """Calls an application that answers everything, behind a limit of two in a minute."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        gate = gate_of(self.clock, limits("key"), limits("address", requests=2, at_once=1))
        self.app = LimitedApp(gate, self._answer)
        self.heads: list[dict[str, Any]] = []

    async def _answer(self, _scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(self, path: str, address: str = "192.0.2.1") -> dict[bytes, bytes]:
        """The headers of the answer."""

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            self.heads.append(message)

        scope = {**http_scope("GET", path), "client": (address, 1)}
        await self.app(scope, receive, send)
        return dict(self.heads[-2]["headers"])


async def test_one_address_asks_so_often_in_a_minute_and_another_is_not_in_its_way() -> None:
    caller = Caller()
    for left in (b"1", b"0"):
        headers = await caller.ask("/v1/balance/info")
        assert headers[b"x-ratelimit-remaining-requests"] == left
    with pytest.raises(RateLimitError) as refused:
        await caller.ask("/admin/api/settings")
    assert int(refused.value.headers["Retry-After"]) > 0
    assert await caller.ask("/v1/models", "192.0.2.2")
    caller.clock.advance(seconds=61)
    assert await caller.ask("/v1/models")


async def test_health_and_the_files_of_pages_are_not_counted() -> None:
    caller = Caller()
    for path in ("/health", "/metrics", "/assets/app.css") * 2:
        assert await caller.ask(path) == {}
    assert await caller.ask("/v1/models")
