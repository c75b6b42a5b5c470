import asyncio
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from routstr.catalog.sources import Source
from routstr.core.clock import ManualClock
from routstr.payment.price_lists import FIRST_RETRY_S, Listing, ListPolicy, PriceLists, Read
from routstr.payment.price_sources import SourceFailed

POLICY = ListPolicy(interval_s=100, age_s_max=1_000, timeout_s=5)
ONE = Decimal(1)


class Played:
    """A list that answers as it is told; ``asked`` counts."""

    def __init__(self, *models: Mapping[str, Any]) -> None:
        self.models = models
        self.failure: Exception | None = None
        self.asked = 0

    async def __call__(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return json.dumps({"data": self.models}).encode()


def listed(name: str, usd: str | None = "1e-6", **more: object) -> dict[str, Any]:
    pricing = {} if usd is None else {"pricing": {"prompt": usd, "completion": usd}}
    return {"id": name, "context_length": 1000, **pricing, **more}


class Node:
    """Everything around the lists; ``sold`` is what was published last, by provider."""

    def __init__(
        self,
        *providers: tuple[str, Read | None],
        file: Sequence[Mapping[str, Any]] = (),
        public: Read | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.published: list[Sequence[Source]] = []
        self.refusal: Exception | None = None
        self.lists = PriceLists(self.publish, self.clock, POLICY, file, public)
        self.listings = [Listing(name, ONE, read=read) for name, read in providers]

    async def publish(self, sources: Sequence[Source]) -> None:
        await asyncio.sleep(0)
        if self.refusal is not None:
            raise self.refusal
        self.published.append(sources)

    async def started(self) -> "Node":
        await self.lists.set_providers(self.listings)
        await self.lists.refresh()
        return self

    async def later(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)
        await self.lists.refresh()

    @property
    def sold(self) -> dict[str, dict[str, str | None]]:
        """Price of a token in USD by provider and model."""
        return {
            source.provider: {
                model.id: None if model.pricing.prompt is None else str(model.pricing.prompt)
                for model in source.models
            }
            for source in self.published[-1]
        }


async def test_a_providers_own_list_is_sold_and_read_again() -> None:
    own = Played(listed("m"))
    node = await Node(("a", own)).started()
    assert node.sold == {"a": {"m": "0.000001"}}
    own.models = (listed("m", "2e-6"), listed("n"))
    await node.later(99)
    assert own.asked == 1
    await node.later(1)
    assert node.sold == {"a": {"m": "0.000002", "n": "0.000001"}}


async def test_a_price_that_leaps_is_told_and_sold_as_before_until_it_is_back() -> None:
    own = Played(listed("m"), listed("n"))
    node = await Node(("a", own)).started()
    own.models = (listed("m", "0.002"), listed("n", "2e-6"))
    for _ in range(2):
        await node.later(100)
        assert node.sold == {"a": {"m": "0.000001", "n": "0.000002"}}
        assert [jump.model for jump in node.lists.jumps()["a"]] == ["m", "m"]
    own.models = (listed("m", "3e-6"), listed("n", "2e-6"))
    await node.later(100)
    assert node.sold == {"a": {"m": "0.000003", "n": "0.000002"}}
    assert node.lists.jumps() == {}


async def test_what_stays_the_same_makes_no_new_snapshot() -> None:
    node = await Node(("a", Played(listed("m")))).started()
    before = len(node.published)
    await node.later(100)
    await node.later(100)
    assert len(node.published) == before


async def test_the_public_list_prices_what_providers_only_name() -> None:
    own, public = Played(listed("m", None)), Played(listed("v/m"), listed("v/other"))
    node = await Node(("a", own), public=public).started()
    assert node.sold == {"a": {"m": "0.000001"}}


async def test_the_file_is_over_all_lists_and_belongs_to_the_first_provider() -> None:
    file = [
        listed("m", "9e-6"),
        {**listed("n", "8e-6"), "provider": "b"},
        {**listed("x"), "provider": "nobody"},
    ]
    node = await Node(
        ("a", Played(listed("m"), listed("n"))), ("b", Played(listed("m"))), file=file
    ).started()
    assert node.sold == {
        "a": {"m": "0.000009", "n": "0.000001"},
        "b": {"n": "0.000008", "m": "0.000001"},
    }


async def test_without_lists_the_file_alone_is_sold() -> None:
    node = await Node(("a", None), file=[listed("m")]).started()
    assert node.sold == {"a": {"m": "0.000001"}}


async def test_the_last_good_list_is_kept_and_tried_again_sooner_and_ever_later() -> None:
    own = Played(listed("m"))
    node = await Node(("a", own)).started()
    own.failure = SourceFailed("HTTP status 500")
    await node.later(100)
    assert own.asked == 2
    waits: list[float] = []
    while len(waits) < 6:
        waited = 0.0
        asked = own.asked
        while own.asked == asked:
            await node.later(2.5)
            waited += 2.5
        waits.append(waited)
    assert waits == [FIRST_RETRY_S, 10, 20, 40, 80, 100]
    assert node.sold == {"a": {"m": "0.000001"}}
    own.failure = None
    await node.later(100)
    own.failure = SourceFailed("again")
    await node.later(100)
    asked = own.asked
    await node.later(FIRST_RETRY_S)
    assert own.asked == asked + 1, "a success forgets the failures"


async def test_a_list_that_is_too_old_sells_nothing_more_but_the_file_does() -> None:
    own, public = Played(listed("m"), listed("p", None)), Played(listed("v/p"))
    node = await Node(("a", own), file=[listed("f")], public=public).started()
    own.failure = public.failure = SourceFailed("gone")
    await node.later(999)
    assert set(node.sold["a"]) == {"f", "m", "p"}
    await node.later(1)
    assert node.sold == {"a": {"f": "0.000001"}}
    own.failure = public.failure = None
    await node.later(100)
    assert set(node.sold["a"]) == {"f", "m", "p"}


async def test_one_list_that_fails_does_not_keep_another_from_being_read() -> None:
    broken, good = Played(), Played(listed("m"))
    for failure in (SourceFailed("no"), TimeoutError()):
        broken.failure = failure
        node = await Node(("a", broken), ("b", good)).started()
        assert node.sold == {"a": {}, "b": {"m": "0.000001"}}


async def test_an_answer_that_is_no_list_changes_nothing() -> None:
    own = Played(listed("m"))
    node = await Node(("a", own)).started()
    own.models = ()
    await node.later(100)
    assert node.sold == {"a": {"m": "0.000001"}}


async def test_providers_come_and_go_and_those_that_stay_keep_their_lists() -> None:
    one, two = Played(listed("m")), Played(listed("n"))
    node = await Node(("a", one), ("b", two)).started()
    await node.lists.set_providers(node.listings[1:])
    assert node.sold == {"b": {"n": "0.000001"}}
    await node.lists.set_providers(node.listings)
    assert node.sold == {"a": {}, "b": {"n": "0.000001"}}
    await node.lists.refresh()
    assert node.sold == {"a": {"m": "0.000001"}, "b": {"n": "0.000001"}}
    assert (one.asked, two.asked) == (2, 1)
    await node.lists.set_providers([])
    assert node.sold == {}


async def test_sources_that_are_refused_leave_what_is_sold_and_are_offered_again() -> None:
    own = Played(listed("m"))
    node = await Node(("a", own)).started()
    node.refusal = ValueError("a clash")
    own.models = (listed("n"),)
    await node.later(100)
    assert node.sold == {"a": {"m": "0.000001"}}
    node.refusal = None
    own.models = (listed("o"),)
    await node.later(100)
    assert node.sold == {"a": {"o": "0.000001"}}


async def test_who_takes_over_sells_what_was_read_until_it_has_read_itself() -> None:
    own, public = Played(listed("m", None)), Played(listed("m"))
    before = await Node(("a", own), public=public).started()
    after = Node(("a", own), ("b", Played(listed("n"))), public=public)
    after.lists.remember(before.lists)
    own.failure = public.failure = SourceFailed("away")
    await after.started()
    assert after.sold == {"a": {"m": "0.000001"}, "b": {"n": "0.000001"}}
