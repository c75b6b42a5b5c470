import asyncio
from typing import Any

import pytest

from devkit.upstream import Shape, answer, chat, hang_up, late, refuse
from tests.unit.proxy.harness import TOKEN, Call
from tests.unit.proxy.shelf import Shelf, listed

TOOL: dict[str, Any] = {"path": "/v1/tool"}
SIZED: dict[str, Any] = {
    **TOOL,
    "per_kb_in": {"msat": 2},
    "per_kb_out": {"msat": 3},
    "max_kb_out": 4,
}


async def test_a_request_costs_its_price_and_its_answer_passes_as_it_is() -> None:
    async with listed(TOOL) as node:
        node.upstream.next(answer(201, b"<a>", {"Content-Type": "text/xml"}))
        answered = await node.ask(raw=b"{}", path="/v1/tool")
        assert (answered.status, answered.body) == (201, b"<a>")
        assert answered.header("content-type") == "text/xml"
        assert answered.header("x-routstr-cost-msats") == "5"
        assert (node.line.endpoint, node.line.model) == ("/v1/tool", "POST /v1/tool")
        hold = node.books.holds[1]
        assert (hold.endpoint, hold.minimum, hold.wanted) == ("/v1/tool", 5, 5)
        assert node.books.settled.cost == 5


async def test_size_costs_by_the_begun_kilobyte_inside_the_hold() -> None:
    async with listed(SIZED) as node:
        node.upstream.next(answer(200, b"x" * 2_001))
        await node.ask(raw=b"y" * 1_000, path="/v1/tool")
        assert node.books.amounts[1] == 5 + 2 + 4 * 3
        assert node.books.settled.cost == 5 + 2 + 3 * 3


@pytest.mark.parametrize(
    ("play", "status"),
    [(refuse(400), 400), (refuse(500), 500), (hang_up(), 502), (answer(200, b"x" * 4_001), 502)],
)
async def test_a_failure_costs_nothing(play: Any, status: int) -> None:
    async with listed(SIZED) as node:
        node.upstream.next(play)
        assert (await node.ask(raw=b"", path="/v1/tool")).status == status
        assert node.books.was_released
        assert len(node.upstream.requests) == 1


@pytest.mark.parametrize(("entry", "cost"), [(TOOL, 5), (SIZED, 5 + 2 + 3 * 2)])
async def test_events_pass_as_they_come(entry: dict[str, Any], cost: int) -> None:
    async with listed(entry) as node:
        node.upstream.next(chat())
        body = {"stream": True, "messages": [], "model": "m"}
        answered = await node.ask(body, path="/v1/tool")
        assert answered.body.endswith(b"data: [DONE]\n\n")
        assert answered.header("content-type") == "text/event-stream"
        size = len(answered.body)
        assert node.books.settled.cost == (cost if entry is TOOL else 5 + 2 + 3 * -(-size // 1_000))


async def test_who_leaves_pays_for_what_came() -> None:
    async with listed(SIZED) as node:
        gate = asyncio.Event()
        node.upstream.next(chat(shape=Shape(gate_after=3, gate=gate)))
        call = Call(node.app, {"stream": True, "messages": [], "model": "m"}, path="/v1/tool")
        served = call.start()
        await call.until(b"This")
        call.left.set()
        await served
        assert 5 + 2 + 3 <= node.books.settled.cost <= node.books.amounts[1]
    async with listed(TOOL) as node:
        node.upstream.next(late(3))
        call = Call(node.app, {}, path="/v1/tool")
        served = call.start()
        async with asyncio.timeout(5):
            while not node.upstream.requests:  # noqa: ASYNC110 - of a server
                await asyncio.sleep(0.01)
            call.left.set()
            await served
        assert node.books.settled.cost == 5


async def test_a_client_may_say_what_it_costs_at_most() -> None:
    async with listed(TOOL) as node:
        answered = await node.ask({}, path="/v1/tool", headers=[("X-Max-Cost-Msat", "4")])
        assert answered.json()["error"]["code"] == "max_cost_exceeded"
        assert node.books.holds == {}


async def test_who_leaves_before_the_first_event_pays_for_the_request() -> None:
    async with listed(SIZED) as node:
        gate = asyncio.Event()
        node.upstream.next(chat(shape=Shape(gate=gate)))
        call = Call(node.app, {"stream": True, "messages": [], "model": "m"}, path="/v1/tool")
        served = call.start()
        async with asyncio.timeout(5):
            while not node.upstream.requests:  # noqa: ASYNC110 - of a server
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            call.left.set()
            await served
        assert node.books.settled.cost == 5 + 2


async def test_ids_are_bound_asked_for_listed_and_forgotten() -> None:
    shelf = Shelf()
    entries: list[dict[str, Any]] = [
        {"path": "/v1/things", "binds": ["id", "other"]},
        {"path": "/v1/things", "method": "GET", "lists": "things"},
        {"path": "/v1/things/{id}", "method": ["GET", "DELETE"], "owned": ["id"]},
        {"path": "/v1/uses", "owned": ["thing"]},
    ]
    async with listed(*entries, shelf=shelf) as node:
        made = {"id": "t-1", "other": "o-1", "name": "x"}
        node.upstream.next(answer(200, made))
        await node.ask({}, path="/v1/things")
        assert set(shelf.bound) == {"t-1", "o-1"}
        listing = await node.ask(raw=b"", path="/v1/things", method="GET")
        assert {"id": "o-1"} in listing.json()["data"]
        assert made in listing.json()["data"]
        for path, status in (("/v1/things/t-1", 200), ("/v1/things/t-2", 404)):
            assert (await node.ask(raw=b"", path=path, method="GET")).status == status
        twice = b'{"thing":"t-2","thing":"t-1"}'
        assert (await node.ask(raw=twice, path="/v1/uses")).status == 200
        assert node.upstream.requests[-1].body == b'{"thing":"t-1"}'
        for raw, status in ((b'{"thing":"t-2"}', 404), (b"{}", 404), (b"[]", 400)):
            assert (await node.ask(raw=raw, path="/v1/uses")).status == status
        assert (await node.ask(raw=b"", path="/v1/things/t-1", method="DELETE")).status == 200
        assert set(shelf.bound) == {"o-1"}
        held = len(node.books.holds)
        unknown = await node.ask(raw=b"", path="/v1/things/o-1", method="GET", key=None)
        assert unknown.status == 401
        assert len(node.books.holds) == held


async def test_a_token_pays_for_one_request_and_its_change_comes_in_the_head() -> None:
    async with listed(TOOL) as node:
        answered = await node.ask({}, path="/tool/", key=None, headers=[("X-Cashu", TOKEN)])
        assert answered.status == 200
        assert str(answered.header("x-cashu")).startswith("cashuB")
