"""Pictures at two providers: who is asked, and at whose price."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from devkit.upstream import Upstream, hang_up, html_error, refuse
from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.catalog.service import Catalog
from routstr.catalog.sources import Source
from routstr.core.clock import SystemClock
from routstr.core.secret import Secret
from routstr.ledger.operations import Held, HoldRequest, Refused
from routstr.upstream.adapters import ADAPTERS
from routstr.upstream.breaker import BreakerPolicy
from routstr.upstream.carrier import CarrierParts
from routstr.upstream.client import UpstreamClient
from routstr.upstream.fleet import Fleet
from routstr.upstream.paths import path_of
from routstr.upstream.provider import Profile
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import BTC, LIMITS, Node, plain_session, running
from tests.unit.proxy.selling import EDIT, GENERATE
from tests.unit.proxy.test_media import form

PRICE_MSAT = 1_000


@dataclass
class Two:
    node: Node
    fleet: Fleet
    first: Upstream
    second: Upstream

    @property
    def asked(self) -> tuple[int, int]:
        return len(self.first.requests), len(self.second.requests)

    async def draw(self) -> Answer:
        return await self.node.ask({"model": "m", "prompt": "A cat"}, path=GENERATE)


@asynccontextmanager
async def two(*, fee: str = "1", keys: tuple[str, ...] = ("sk-a",)) -> AsyncIterator[Two]:
    """``fee`` is the factor on the second one's price."""
    pricing = UsdPricing(output_cost_per_image=Decimal("0.001"))
    sold = Catalog((), PricePolicy(exchange_fee=Decimal(1)), SystemClock())
    model = ModelSpec(id="m", pricing=pricing)
    sold.set_sources([Source("a", Decimal(1), 1, [model]), Source("b", Decimal(fee), 0, [model])])
    sold.set_rate(BTC, fresh_for_s=None)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(plain_session())
        played = [await stack.enter_async_context(Upstream()) for _ in "ab"]
        profiles = [
            Profile(at, name, ADAPTERS["generic"], one.base_url, secrets, LIMITS)
            for at, (name, one, secrets) in enumerate(
                zip("ab", played, (tuple(map(Secret, keys)), (Secret("sk-b"),)), strict=True)
            )
        ]
        parts = CarrierParts(
            client=lambda one: UpstreamClient(session, one.limits),
            forward_headers=(),
            alarm=lambda name, **facts: None,
            breaker=BreakerPolicy(),
        )
        fleet = Fleet(parts, profiles)
        node = await stack.enter_async_context(running(catalog=sold.current, fleet=fleet))
        yield Two(node, fleet, *played)


@pytest.mark.parametrize("fault", [refuse(500), refuse(429), refuse(401), hang_up()])
async def test_another_provider_is_asked_after_a_fault(fault: Any) -> None:
    async with two() as at:
        at.first.next(fault)
        answered = await at.draw()
        assert (answered.status, answered.json()["provider"]) == (200, "b")
        assert at.asked == (1, 1)
        assert at.node.books.settled.cost == 1 + PRICE_MSAT


async def test_one_that_is_left_alone_since_it_was_chosen_is_asked_for_want_of_another() -> None:
    async with two() as at:
        held = at.node.books.hold

        async def meanwhile(request: HoldRequest) -> Held | Refused:
            for carrier in at.fleet.carriers.values():
                for _ in range(3):
                    carrier.breaker.failed(1, asyncio.get_running_loop().time())
            return await held(request)

        at.node.books.hold = meanwhile  # type: ignore[method-assign]
        assert (await at.draw()).status == 200
        assert at.asked == (1, 0)


async def test_a_form_is_sent_again_from_its_beginning() -> None:
    async with two() as at:
        at.first.next(refuse(503))
        image = b"\x89PNG" * 100_000
        answered = await at.node.ask(path=EDIT, **form(model="m", prompt="A hat", image=image))
        assert answered.status == 200
        assert at.first.requests[0].json == at.second.requests[0].json
        assert at.second.requests[0].json["image"] == image


@pytest.mark.parametrize("refusal", [refuse(400), html_error(200)])
async def test_a_refusal_and_an_answer_are_final(refusal: Any) -> None:
    async with two() as at:
        at.first.next(refusal)
        assert (await at.draw()).status in {400, 502}
        assert at.asked == (1, 0)
        assert at.node.books.was_released


async def test_a_dearer_provider_is_not_asked() -> None:
    async with two(fee="1.01") as at:
        at.first.next(refuse(500))
        assert (await at.draw()).status == 500
        assert at.asked == (1, 0)
        assert at.node.books.was_released


async def test_another_key_is_tried_first() -> None:
    async with two(keys=("sk-1", "sk-2")) as at:
        at.first.next(refuse(429))
        assert (await at.draw()).status == 200
        assert at.asked == (2, 0)
        tried = {one.header("authorization") for one in at.first.requests}
        assert tried == {"Bearer sk-1", "Bearer sk-2"}


async def test_when_nobody_can_the_last_fault_is_told() -> None:
    async with two() as at:
        at.first.next(hang_up())
        at.second.next(refuse(503))
        assert (await at.draw()).status == 503
        assert at.asked == (1, 1)
        assert at.node.books.was_released


async def test_a_client_may_say_which_provider_and_what_it_may_cost() -> None:
    async with two(fee="1.01") as at:
        carrier = at.fleet.carriers["b"]
        path = path_of(carrier.profile, "m")
        body = {"model": "m", "prompt": "A cat"}
        chosen = [("X-Routstr-Model-Path", path)]
        assert (await at.node.ask(body, path=GENERATE, headers=chosen)).json()["provider"] == "b"
        assert at.node.books.settled.cost == 1 + PRICE_MSAT + 10
        dear = await at.node.ask(body, path=GENERATE, headers=[("X-Max-Cost-Msat", "999")])
        assert dear.json()["error"]["code"] == "max_cost_exceeded"
