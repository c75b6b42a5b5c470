"""What is said of this node and its models, and when it is read."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest
from starlette.datastructures import State

from devkit.relay import NostrRelay
from routstr.assembly.directory import Reviewed, show_others
from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.catalog.service import Catalog
from routstr.catalog.sources import Source
from routstr.core.clock import ManualClock
from routstr.core.http import outgoing_session
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.discovery.directory import Directory, Known
from routstr.discovery.identity import Identity
from routstr.discovery.reviews import Curated, Names, Review, Verdict
from tests.unit.assembly.directories import idle
from tests.unit.discovery.nodes_played import raw, reviewed

JUDGE, ME = (Identity(Secret(f"{n}{n}" * 32)) for n in (1, 2))
WORDS = Review(Verdict.NEGATIVE, "avoid", 5, JUDGE.pubkey, "why")


def catalog(*, priced: bool = True) -> Catalog:
    made = Catalog((), PricePolicy(), ManualClock())
    price = UsdPricing(prompt=Decimal(1), completion=Decimal(1))
    spec = ModelSpec(id="v/m", pricing=price, context_length=100, alias_ids=("mine",))
    made.set_sources([Source("one", Decimal(1), 0, [spec])])
    if priced:
        made.set_rate(Decimal(1), fresh_for_s=None)
    return made


def desk(npub: str, *, priced: bool = True, lists: bool = True) -> Reviewed:
    directory = idle(lists=lists)
    directory.known = Known(
        7_000,
        (),
        {ME.pubkey: WORDS},
        Curated(("v/m", "other"), 1),
        Names({"new": "m", "mine": "m", "x": "other"}, 1),
    )
    return Reviewed(directory, Settings(), catalog(priced=priced), lambda: npub)


async def test_what_is_said_of_this_node_and_of_what_it_sells_is_shown() -> None:
    shown = await desk(ME.npub).show()
    assert shown.review is not None
    assert (shown.review.verdict, shown.review.created_at) == ("negative", 5_000)
    assert (shown.reviewer, shown.read_at) == (Settings().reviewer_npub, 7_000)
    assert (shown.curated_sold, shown.mappings) == (("v/m",), 3)
    assert shown.mappings_here == (("new", "m"),)
    assert shown.nodes == 0


@pytest.mark.parametrize("npub", ["", JUDGE.npub, "npub1" + "q" * 58])
async def test_what_is_said_of_others_is_not_shown(npub: str) -> None:
    assert (await desk(npub).show()).review is None


async def test_nothing_is_sold_without_a_price() -> None:
    shown = await desk(ME.npub, priced=False, lists=False).show()
    assert (shown.curated_sold, shown.mappings_here, shown.nodes) == ((), (), None)


async def read(
    relay: NostrRelay, enough: Callable[[Directory], bool], npub: str = "", **more: object
) -> Directory:
    """What a node knows after its first look."""
    settings = Settings.model_validate(
        {"relays": relay.url, "allow_insecure_mints": True, "reviewer_npub": JUDGE.npub, **more}
    )
    clock, state = ManualClock(), State()
    supervisor = Supervisor(clock)
    async with outgoing_session(settings, allow_loopback=True) as session:
        show_others(state, settings, clock, session, catalog(), lambda: npub, supervisor, None)
        async with asyncio.timeout(5):
            while not enough(state.directory):  # noqa: ASYNC110 - what a task does
                await asyncio.sleep(0.001)
        await supervisor.stop(1)
        again = State()
        show_others(
            again, settings, clock, session, catalog(), lambda: "", supervisor.__class__(clock),
            state.directory,
        )  # fmt: skip
        assert again.directory.known is state.directory.known
    found: Directory = state.directory
    return found


async def test_a_node_with_a_key_reads_reviews_and_one_that_lists_reads_more() -> None:
    async with NostrRelay() as relay:
        relay.keep(raw(reviewed(JUDGE, ME, "trusted")))

        def known(directory: Directory) -> bool:
            return ME.pubkey in directory.known.reviews

        assert not (await read(relay, known, ME.npub)).lists
        assert {kind for one in relay.asked.pop() for kind in one["kinds"]} == {
            *(38_423, 38_425, 38_426)
        }
        assert (await read(relay, known, providers_refresh_interval_seconds=60)).lists
        assert relay.asked.pop()[0]["kinds"] == [38_421]
        relay.asked.clear()
        await read(relay, lambda _: True)
        assert relay.asked == []
