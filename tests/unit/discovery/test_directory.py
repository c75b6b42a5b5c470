"""The list of other nodes as relays and nodes on this machine let it become."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from devkit.relay import NostrRelay
from routstr.core.clock import ManualClock
from routstr.core.secret import Secret
from routstr.discovery.announcement import ANNOUNCEMENT
from routstr.discovery.directory import FORGOTTEN_AFTER_SECONDS, LISTED_MAX, Directory, Listed
from routstr.discovery.events import Draft
from routstr.discovery.identity import Identity
from routstr.discovery.probe import Probe
from routstr.discovery.relays import RelayPool
from routstr.discovery.reviews import CURATED, CURATED_NAME, Verdict
from tests.unit.discovery.nodes_played import Nodes, announced, open_nodes, raw, reviewed, says

JUDGE, BOB, EVE = (Identity(Secret(f"{n}{n}" * 32)) for n in (1, 2, 3))
BOBS, EVES = "http://bob.example.com", "http://eve.example.com"


@dataclass
class World:
    directory: Directory
    relay: NostrRelay
    nodes: Nodes
    clock: ManualClock = field(default_factory=ManualClock)

    async def read(self) -> list[tuple[str, str]]:
        await self.directory.refresh()
        return [(one.provider.endpoint_url, one.health.endpoint) for one in self.listed()]

    def listed(self) -> tuple[Listed, ...]:
        return self.directory.known.listed


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(NostrRelay())
        nodes, session = await stack.enter_async_context(open_nodes())
        directory = Directory(
            RelayPool([relay.url], session, clock),
            Probe(session, tor=False),
            clock,
            reviewer=JUDGE.npub,
            lists=True,
        )
        nodes.plays = {"bob.example.com": says(name="Bob"), "eve.example.com": says()}
        yield World(directory, relay, nodes, clock)


async def test_nodes_are_listed_with_health_and_review_and_forged_ones_are_not(
    world: World,
) -> None:
    forged = raw(announced(BOB, "http://forged.example.com", at=2_000, name="f"))
    world.relay.extra = [forged | {"content": "{}"}]
    for event in (
        announced(BOB, BOBS),
        announced(EVE, "http://gone.example.com"),
        reviewed(JUDGE, BOB, "trusted"),
        reviewed(EVE, EVE, "trusted"),
    ):
        world.relay.keep(raw(event))
    found = await world.read()
    assert found == [(BOBS, "info"), ("http://gone.example.com", "error")]
    bob, gone = world.listed()
    assert bob.review is not None
    assert bob.review.verdict is Verdict.POSITIVE
    assert gone.review is None
    assert world.directory.known.read_at == world.clock.ms
    mine = world.directory.shuffled(BOB.pubkey)
    assert [one.provider.pubkey for one in mine] == [BOB.pubkey]
    assert len(world.directory.shuffled()) == 2


async def test_an_address_belongs_to_the_key_that_its_node_names(world: World) -> None:
    world.relay.keep(raw(announced(BOB, BOBS)))
    world.relay.keep(raw(announced(EVE, BOBS, at=2_000)))
    await world.read()
    assert [one.provider.pubkey for one in world.listed()] == [EVE.pubkey], "the newer one"
    world.nodes.plays["bob.example.com"] = says(npub=BOB.npub)
    await world.read()
    assert [one.provider.pubkey for one in world.listed()] == [BOB.pubkey]


async def test_the_last_list_stays_while_no_relay_answers_and_goes_after_a_day(
    world: World,
) -> None:
    world.relay.keep(raw(announced(BOB, BOBS)))
    assert await world.read() == [(BOBS, "info")]
    world.relay.play = "closing"
    assert await world.read() == [(BOBS, "info")]
    world.relay.play = "honest"
    world.relay.events.clear()
    world.clock.advance(seconds=FORGOTTEN_AFTER_SECONDS)
    assert await world.read() == [(BOBS, "info")], "a relay may lose it"
    world.clock.advance(seconds=1)
    assert await world.read() == []


async def test_who_withdraws_is_listed_no_more(world: World) -> None:
    world.relay.keep(raw(announced(BOB, BOBS)))
    await world.read()
    world.relay.keep(raw(announced(BOB, at=2_000)))
    assert await world.read() == []


async def test_the_list_is_bounded_and_those_that_answer_come_first(world: World) -> None:
    crowd = [Identity(Secret(f"{n:064x}")) for n in range(1, 9)]
    for one in crowd:
        for number in range(8):
            url = f"http://x{number}.{one.pubkey[:9]}.example.com"
            world.relay.keep(raw(announced(one, url, at=5_000, name=str(number))))
    world.relay.keep(raw(announced(BOB, BOBS)))
    found = await world.read()
    assert (len(found), found[0]) == (LISTED_MAX, (BOBS, "info"))


async def test_well_reviewed_nodes_are_asked_for_by_name(world: World) -> None:
    world.relay.keep(raw(reviewed(JUDGE, BOB, "lgtm")))
    world.relay.keep(raw(reviewed(JUDGE, EVE, "avoid")))
    await world.read()
    await world.read()
    asked = [one for one in world.relay.asked[-1] if one["kinds"] == [ANNOUNCEMENT]]
    assert [one.get("authors") for one in asked] == [None, [BOB.pubkey]]


async def test_reviews_and_models_stay_known_until_newer_ones_come(world: World) -> None:
    models = JUDGE.sign(Draft(CURATED, (("d", CURATED_NAME),), '{"models":["a"]}'), 1)
    world.relay.keep(raw(reviewed(JUDGE, BOB, "trusted", at=10)))
    world.relay.keep(raw(models))
    await world.read()
    world.relay.events.clear()
    world.relay.keep(raw(reviewed(JUDGE, BOB, "avoid", at=9)))
    await world.read()
    known = world.directory.known
    assert known.reviews[BOB.pubkey].label == "trusted"
    assert known.curated.models == ("a",)
    world.relay.keep(raw(reviewed(JUDGE, BOB, "avoid", at=11)))
    await world.read()
    assert world.directory.known.reviews[BOB.pubkey].label == "avoid"


@pytest.mark.parametrize("reviewer", ["", "npub1" + "q" * 58], ids=["none", "unfit"])
async def test_without_a_reviewer_and_a_list_nothing_is_asked(world: World, reviewer: str) -> None:
    made = Directory(
        world.directory._pool, world.directory._probe, world.clock, reviewer=reviewer, lists=False
    )
    await made.refresh()
    assert (made.known.read_at, world.relay.asked) == (None, [])


async def test_where_nodes_are_not_listed_only_reviews_are_read(world: World) -> None:
    pool, probe = world.directory._pool, world.directory._probe
    made = Directory(pool, probe, world.clock, reviewer=JUDGE.npub, lists=False)
    world.relay.keep(raw(announced(BOB, BOBS)))
    world.relay.keep(raw(reviewed(JUDGE, BOB, "trusted")))
    await made.refresh()
    assert (made.known.listed, set(made.known.reviews)) == ((), {BOB.pubkey})
    assert world.nodes.asked == []
    other = Directory(pool, probe, world.clock, reviewer=JUDGE.npub, lists=True)
    other.remember(made)
    assert other.known is made.known
    stranger = Directory(pool, probe, world.clock, reviewer=EVE.npub, lists=True)
    stranger.remember(made)
    assert stranger.known.read_at is None
