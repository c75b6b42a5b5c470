"""Every paid route is behind the gate, and refuses in the words of its endpoint."""

from typing import Any

from routstr.core.clock import ManualClock
from routstr.proxy.exchange import Exchange
from routstr.proxy.hot import HotRoutes
from routstr.proxy.limits.routes import GuardedFinder
from tests.unit.proxy.harness import HELLO, not_hot, running
from tests.unit.proxy.limits.gating import gate_of, guarded, limits


async def test_what_nobody_pays_for_counts_for_its_address_and_in_its_words() -> None:
    async with guarded(address={"requests": 1}) as node:
        path = "/v1/messages/count_tokens"
        assert (await node.ask({"model": "good", "messages": HELLO}, path=path)).status == 200
        refused = await node.ask({"model": "good", "messages": HELLO}, path=path)
        assert (refused.status, refused.json()["type"]) == (429, "error")


async def test_other_routes_are_guarded_too() -> None:
    async def serve(exchange: Exchange, _credentials: object, _body: bytes) -> None:
        await exchange.answer(200, [], b"{}")

    class Others:
        def find(self, method: str, raw_path: bytes) -> Any:
            return ("/v1/mine", serve) if raw_path == b"/v1/mine" else None

    gate = gate_of(ManualClock(), limits("key"), limits("address", requests=1))
    async with running() as node:
        node.app = HotRoutes(not_hot, {}, node.around, GuardedFinder(gate, Others()))
        statuses = [(await node.ask({}, path=path)).status for path in ("/v1/mine",) * 2]
        assert statuses == [200, 429]
        assert (await node.ask({}, path="/v1/yours")).status == 404


async def test_forms_are_guarded_too() -> None:
    path = "/v1/audio/transcriptions"
    headers = [("Content-Type", "multipart/form-data; boundary=x")]
    form = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nnobody\r\n--x--\r\n'
    async with guarded(address={"requests": 1}) as node:
        answers = [await node.ask(raw=form, path=path, headers=headers) for _ in range(2)]
        assert [answered.status for answered in answers] == [400, 429]
