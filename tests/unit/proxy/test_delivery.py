"""One order and several played providers: who is asked, who is told what, who pays what."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from devkit.upstream import (
    Exchange,
    Play,
    Shape,
    Upstream,
    answer,
    chat,
    error_in_stream,
    hang_up,
    refuse,
    silent,
)
from routstr.catalog.models_file import ModelSpec, TopProvider, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.catalog.service import Catalog
from routstr.catalog.snapshot import Snapshot
from routstr.catalog.sources import Source
from routstr.core.clock import SystemClock
from routstr.core.secret import Secret
from routstr.ledger.operations import Held, HoldRequest, Refused
from routstr.upstream.adapters import ADAPTERS
from routstr.upstream.breaker import BreakerPolicy
from routstr.upstream.carrier import Carrier, CarrierParts
from routstr.upstream.client import UpstreamClient
from routstr.upstream.fleet import Fleet
from routstr.upstream.paths import path_of
from routstr.upstream.provider import Profile
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import BTC, HELLO, LIMITS, Books, Call, Node, plain_session, running

NAMES = ("a", "b", "c")
QUICK = replace(LIMITS, first_byte_s=0.3)


@dataclass
class House:
    """A node and its providers a, b and c, which are asked in this order."""

    node: Node
    fleet: Fleet
    played: Mapping[str, Upstream]

    def __getitem__(self, name: str) -> Upstream:
        return self.played[name]

    def carrier(self, name: str) -> Carrier:
        return self.fleet.carriers[name]

    @property
    def asked(self) -> str:
        """How often each was asked."""
        return " ".join(f"{name}{len(one.requests)}" for name, one in self.played.items())


def catalog(fees: Mapping[str, str]) -> Snapshot:
    """One model at every provider: 1 msat per input, 3 per output token, times the fee."""
    pricing = UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("3e-6"))
    top = TopProvider(context_length=8_000, max_completion_tokens=1_000)
    policy = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1))
    made = Catalog((), policy, SystemClock())
    made.set_sources(
        [
            Source(
                name,
                Decimal(fee),
                priority=-at,
                models=[ModelSpec(id="v/m", pricing=pricing, top_provider=top)],
            )
            for at, (name, fee) in enumerate(fees.items())
        ]
    )
    made.set_rate(BTC, fresh_for_s=None)
    return made.current()


@asynccontextmanager
async def house(
    *,
    fees: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
    keys: Mapping[str, tuple[str, ...]] | None = None,
    books: Books | None = None,
    pause_s: float = 60,
    names: tuple[str, ...] = NAMES,
) -> AsyncIterator[House]:
    sold = catalog(fees or dict.fromkeys(names, "1"))
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(plain_session())
        played = {name: await stack.enter_async_context(Upstream()) for name in names}
        profiles = [
            Profile(
                number,
                name,
                ADAPTERS[(kinds or {}).get(name, "generic")],
                one.base_url,
                tuple(map(Secret, (keys or {}).get(name, (f"sk-{name}",)))),
                QUICK,
            )
            for number, (name, one) in enumerate(played.items(), 1)
        ]
        parts = CarrierParts(
            client=lambda one: UpstreamClient(session, one.limits),
            forward_headers=(),
            alarm=lambda name, **facts: None,
            breaker=BreakerPolicy(failures_max=2, pause_s=pause_s),
        )
        fleet = Fleet(parts, profiles)
        node = await stack.enter_async_context(
            running(catalog=lambda: sold, fleet=fleet, books=books)
        )
        yield House(node, fleet, played)


async def say(at: House, **more: Any) -> Answer:
    return await at.node.chat("m", **more)


FAULTS: Mapping[str, Play] = {
    "500": refuse(500),
    "503": refuse(503),
    "401": refuse(401),
    "403": refuse(403),
    "429": refuse(429),
    "silent": silent(),
    "hang up": hang_up(),
    "reset": hang_up(reset=True),
    "gone": answer(404, {"error": {"message": "No.", "code": "model_not_found"}}),
}


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_next_provider_serves_and_nobody_pays_twice(fault: str, stream: bool) -> None:
    async with house() as at:
        at["a"].next(FAULTS[fault])
        answered = await say(at, stream=stream)
        assert answered.status == 200
        assert b'"provider":"b"' in answered.body
        assert at.asked == "a1 b1 c0"
        assert at.node.books.settled.cost == 12 + 6 * 3 + 1
        assert len(at.node.books.holds) == 1


async def test_everybody_is_asked_before_the_client_is_told_the_last_failure() -> None:
    async with house() as at:
        at["a"].next(refuse(500))
        at["b"].next(refuse(429))
        at["c"].next(refuse(503))
        answered = await say(at)
        assert (answered.status, answered.json()["error"]["code"]) == (503, "upstream_rejected")
        assert at.asked == "a1 b1 c1"
        assert at.node.books.was_released


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_a_refusal_of_the_request_itself_is_asked_of_nobody_else(status: int) -> None:
    async with house() as at:
        at["a"].next(refuse(status, message="Your fault."))
        assert (await say(at)).status == status
        assert at.asked == "a1 b0 c0"


@pytest.mark.parametrize(
    "play",
    [
        answer(200, {"error": {"message": "No.", "code": 502}}),
        answer(200, b""),
        chat(shape=Shape(stop_after=3, ending="reset")),
    ],
)
async def test_after_a_200_nobody_else_is_asked(play: Play) -> None:
    async with house() as at:
        at["a"].next(play)
        answered = await say(at)
        assert answered.status >= 500
        assert at.asked == "a1 b0 c0"
        assert at.node.books.was_released
        assert at.carrier("a").breaker.failures == 1


async def test_a_stream_that_has_begun_stays_with_its_provider() -> None:
    async with house() as at:
        at["a"].next(error_in_stream(), chat(shape=Shape(stop_after=3, ending="reset")))
        for _ in range(2):
            answered = await say(at, stream=True)
            assert answered.status == 200
            assert b'"error"' in answered.body
        assert at.asked == "a2 b0 c0"
        assert at.carrier("a").breaker.failures == 1, "the broken connection counts"


async def test_a_provider_that_fails_again_and_again_is_left_alone_and_then_probed_once() -> None:
    async with house(pause_s=0.2) as at:
        at["a"].next(refuse(500), refuse(500))
        for _ in range(4):
            assert (await say(at)).status == 200
        assert at.asked == "a2 b4 c0"
        await asyncio.sleep(0.25)
        gate = asyncio.Event()
        at["a"].next(chat(shape=Shape(gate=gate)))
        probe = asyncio.create_task(say(at))
        while len(at["a"].requests) < 3:  # noqa: ASYNC110 - of another server
            await asyncio.sleep(0.01)
        assert (await say(at)).status == 200
        assert at.asked == "a3 b5 c0", "the probe is alone"
        gate.set()
        assert b'"provider":"a"' in (await probe).body
        await say(at)
        assert at.asked == "a4 b5 c0"


async def test_a_probe_that_fails_costs_its_client_nothing() -> None:
    async with house(pause_s=0.1) as at:
        at["a"].next(refuse(500), refuse(500), refuse(500))
        for _ in range(2):
            await say(at)
        await asyncio.sleep(0.15)
        assert b'"provider":"b"' in (await say(at)).body
        assert at.asked == "a3 b3 c0"


async def test_with_nobody_else_a_provider_that_is_left_alone_is_asked_all_the_same() -> None:
    async with house(names=("a",)) as at:
        at["a"].next(*[refuse(500)] * 4)
        for _ in range(4):
            assert (await say(at)).status == 500
        assert (await say(at)).status == 200
        assert at.carrier("a").breaker.state(0) == "closed"


@dataclass
class Meanwhile(Books):
    """Something happens while the money is held."""

    happens: Callable[[], object] = lambda: None

    async def hold(self, request: HoldRequest) -> Held | Refused:
        self.happens()
        return await super().hold(request)


@pytest.mark.parametrize("others", [1, 2])
async def test_a_provider_that_is_left_alone_since_it_was_chosen_is_asked_for_want_of_another(
    others: int,
) -> None:
    books = Meanwhile()
    async with house(names=NAMES[:others], books=books) as at:

        def trip() -> None:
            for name in NAMES[:others]:
                for _ in range(2):
                    at.carrier(name).breaker.failed(1, asyncio.get_running_loop().time())

        books.happens = trip
        assert (await say(at)).status == 200
        assert len(at["a"].requests) == 1


async def test_the_keys_of_a_provider_are_tried_one_after_another() -> None:
    async with house(keys={"a": ("k1", "k2", "k3")}) as at:
        at["a"].next(refuse(429), refuse(401))
        assert b'"provider":"a"' in (await say(at)).body
        assert at.asked == "a3 b0 c0"
        used = {one.header("authorization") for one in at["a"].requests}
        assert used == {"Bearer k1", "Bearer k2", "Bearer k3"}
        for _ in range(3):
            await say(at)
        assert len({one.header("authorization") for one in at["a"].requests[2:]}) == 1


async def test_a_key_with_a_retry_after_is_left_alone_for_another_provider() -> None:
    async with house() as at:
        at["a"].next(refuse(429, retry_after_s=60))
        for _ in range(3):
            assert (await say(at)).status == 200
        assert at.asked == "a1 b3 c0"


async def test_the_one_that_serves_is_paid_at_its_own_price() -> None:
    async with house(fees={"a": "1", "b": "0.5", "c": "2"}) as at:
        assert at.node.books.posted == 1_000_000
        at["b"].next(refuse(500))
        answered = await say(at, max_tokens=100)
        assert at.asked == "a0 b1 c0", "a does not fit into what b's price held"
        assert answered.status == 500
        assert at.node.books.was_released


async def test_without_a_limit_of_its_own_a_request_is_served_dearer_with_a_lower_one() -> None:
    async with house(fees={"a": "1", "b": "2", "c": "900"}) as at:
        at["a"].next(refuse(500))
        answered = await say(at)
        assert answered.status == 200
        limit = int(answered.header("x-routstr-max-tokens") or 0)
        assert at["b"].requests[0].json["max_tokens"] == limit
        assert 400 < limit < 500
        assert at.node.books.settled.cost == 2 * (12 + 6 * 3) + 1
        at["a"].next(refuse(500))
        at["b"].next(refuse(500))
        assert (await at.node.chat("m")).status == 500
        assert at.asked == "a2 b2 c0", "the least output of c is more than all that is held"


async def test_want_of_another_is_when_nobody_has_been_asked() -> None:
    async with house(fees={"a": "1", "b": "2"}, names=("a", "b")) as at:
        carrier, now = at.carrier("a"), asyncio.get_running_loop().time()
        carrier.lines[0].rest("", now + 60, now)  # so that b comes first
        at["b"].next(FAULTS["gone"])
        assert (await say(at)).status == 404
        assert at.asked == "a0 b1"
        assert (await say(at, max_tokens=100)).status == 200
        assert at.asked == "a1 b1", "b is too dear for it"


async def test_an_admitted_balance_is_good_for_the_next_provider_at_the_same_price() -> None:
    async with house(books=Books(posted=400)) as at:
        at["a"].next(refuse(500))
        answered = await say(at)
        assert answered.status == 200
        limits = [at[name].requests[0].json["max_tokens"] for name in "ab"]
        assert limits[0] == limits[1] < 150
        assert at.node.books.posted == 400 - (12 + 6 * 3 + 1)


async def test_a_client_that_leaves_is_served_by_nobody_else() -> None:
    async with house() as at:
        at["a"].next(silent())
        call = Call(at.node.app, {"model": "m", "messages": HELLO})
        task = call.start()
        while not at["a"].requests:  # noqa: ASYNC110 - of another server
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        call.left.set()
        await task
        assert at.asked == "a1 b0 c0"
        assert at.node.books.settled.estimated
        assert at.carrier("a").breaker.failures == 0


async def test_a_path_pins_its_provider_whatever_happens() -> None:
    async with house(fees={"a": "1", "b": "2", "c": "3"}) as at:
        path = path_of(at.carrier("b").profile, "m")
        pinned = [("X-Routstr-Model-Path", path)]
        body = {"model": "v/m", "messages": HELLO}
        served = await at.node.ask(body, headers=pinned)
        assert b'"provider":"b"' in served.body
        assert at.node.books.settled.cost == 2 * (12 + 6 * 3) + 1
        at["b"].next(refuse(500))
        assert (await at.node.ask(body, headers=pinned)).status == 500
        assert at.asked == "a0 b2 c0"
        wrong = await at.node.ask(body, headers=[("X-Routstr-Model-Path", f"{path}x")])
        assert (wrong.status, wrong.json()["error"]["code"]) == (404, "invalid_model_path")


async def test_a_provider_that_speaks_chat_only_is_asked_in_its_words() -> None:
    async with house(kinds={"a": "anthropic", "b": "groq"}, names=("a", "b")) as at:
        at["a"].next(refuse(500))
        body = {"model": "m", "max_tokens": 50, "messages": HELLO}
        answered = await at.node.ask(body, path="/v1/messages")
        assert answered.status == 200
        assert answered.json()["type"] == "message"
        assert answered.json()["provider"] == "b"
        assert [one.requests[0].path for one in at.played.values()] == [
            "/v1/messages",
            "/v1/chat/completions",
        ]
        assert at["a"].requests[0].header("x-api-key") == "sk-a"


async def test_an_endpoint_that_no_provider_of_the_model_speaks_is_refused_before_a_hold() -> None:
    async with house(kinds={"a": "perplexity"}, names=("a",)) as at:
        body = {"model": "m", "input": "text"}
        answered = await at.node.ask(body, path="/v1/embeddings")
        assert (answered.status, answered.json()["error"]["code"]) == (400, "endpoint_not_served")
        assert at.node.books.holds == {}


MAX_TOKENS = answer(
    400,
    {
        "error": {
            "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "type": "invalid_request_error",
            "param": "max_tokens",
            "code": "unsupported_parameter",
        }
    },
)
TEMPERATURE = refuse(400, message="`temperature` is deprecated for this model.")


async def test_parameters_that_a_model_refuses_are_mended_told_and_remembered() -> None:
    async with house() as at:
        at["a"].next(MAX_TOKENS, TEMPERATURE)
        answered = await say(at, max_tokens=5, temperature=0.5)
        assert answered.status == 200
        assert answered.header("x-routstr-corrected") == "max_tokens, temperature"
        assert at.asked == "a3 b0 c0"
        last = at["a"].requests[-1].json
        assert last["max_completion_tokens"] == 5
        assert not {"temperature", "max_tokens"} & last.keys()
        assert len(at.node.books.holds) == 1
        again = await say(at, max_tokens=7, temperature=0.1)
        assert again.header("x-routstr-corrected") == "max_tokens, temperature"
        assert at.asked == "a4 b0 c0"
        assert at["a"].requests[-1].json["max_completion_tokens"] == 7
        plain = await say(at)
        assert plain.header("x-routstr-corrected") is None


async def test_a_model_that_refuses_again_and_again_is_not_asked_for_ever() -> None:
    async with house() as at:
        names = ("temperature", "top_p", "seed", "user")
        at["a"].next(*(refuse(400, message=f"Unsupported parameter: '{one}'.") for one in names))
        answered = await say(at, temperature=1, top_p=1, seed=1, user="u")
        assert answered.status == 400
        assert at.asked == "a4 b0 c0"
        assert at.node.books.was_released
        assert at.carrier("a").corrections("v/m") is None, "nothing was proved"


async def test_a_correction_of_one_provider_is_none_of_another() -> None:
    async with house() as at:
        at["a"].next(TEMPERATURE, refuse(500))
        answered = await say(at, temperature=0.5)
        assert answered.status == 200
        assert answered.header("x-routstr-corrected") is None
        assert at["b"].requests[0].json["temperature"] == 0.5
        assert at.carrier("b").corrections("v/m") is None


async def test_all_attempts_together_have_one_limit() -> None:
    async with house() as at:
        limits = replace(QUICK, total_s=0.4)
        at.fleet.set([replace(one.profile, limits=limits) for one in at.fleet.carriers.values()])
        for name in NAMES:
            at[name].next(silent())
        began = asyncio.get_running_loop().time()
        answered = await say(at)
        assert answered.status == 504
        assert asyncio.get_running_loop().time() - began < 2
        assert at.asked == "a1 b1 c0"


async def test_cancelling_between_two_providers_leaves_no_hold() -> None:
    async with house() as at:
        at["a"].next(refuse(500))

        async def never(_exchange: Exchange) -> None:
            await asyncio.sleep(60)

        at["b"].next(never)
        call = Call(at.node.app, {"model": "m", "messages": HELLO})
        task = call.start()
        while not at["b"].requests:  # noqa: ASYNC110 - of another server
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert at.node.books.was_released
