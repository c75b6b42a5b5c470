"""The announcement as relays on this machine come to hold it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devkit.relay import NostrRelay
from routstr.core.http import outgoing_session
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.discovery import store
from routstr.discovery.announcement import ANNOUNCEMENT
from routstr.discovery.announcer import TURN_SECONDS
from routstr.discovery.events import DELETION, RELAY_LIST, Draft, Event
from routstr.discovery.identity import Identity
from routstr.discovery.report import Stand
from tests.unit.discovery.announcing import FACTS, ME, URL, Announcing
from tests.unit.upstream.storing import database

EVE = Identity(Secret("22" * 32))
DAY = 86_400


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Announcing]:
    settings = Settings()
    async with (
        database(tmp_path) as db,
        outgoing_session(settings, allow_loopback=True) as session,
        NostrRelay() as one,
        NostrRelay() as two,
    ):
        yield Announcing(db, session, [one, two])


def raw(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    return found


def held(relay: NostrRelay) -> dict[str, Any]:
    (found,) = relay.held(ANNOUNCEMENT)
    return found


async def test_it_is_announced_at_every_relay_and_not_again(node: Announcing) -> None:
    announcer = node.announcer()
    await announcer.run()
    one, two = node.relays
    assert held(one) == held(two)
    assert held(one)["tags"] == [
        ["d", ME.pubkey[:12]],
        ["u", URL],
        ["mint", "https://mint.example.com"],
        ["version", "1.0"],
    ]
    assert msgspec.json.decode(held(one)["content"]) == {"name": "Bob", "about": "sells"}
    report = await node.report()
    assert (report.stand, report.provider) == (Stand.ANNOUNCED, ME.pubkey[:12])
    assert [relay.holds for relay in report.relays] == [True, True]
    node.clock.advance(seconds=TURN_SECONDS)
    await announcer.run()
    await node.announcer().run()
    assert len(one.received) == 1


async def test_every_day_a_relay_that_has_lost_it_gets_the_same_event(
    node: Announcing,
) -> None:
    announcer, (one, two) = node.announcer(), node.relays
    await announcer.run()
    first = held(two)
    two.events.clear()
    node.clock.advance(seconds=DAY - 1)
    await announcer.run()
    assert two.held(ANNOUNCEMENT) == []
    node.clock.advance(seconds=2)
    await announcer.run()
    assert held(two) == first
    assert len(one.received) == 1


async def test_a_change_is_announced_at_once_with_a_later_date(node: Announcing) -> None:
    announcer, (one, two) = node.announcer(), node.relays
    await announcer.run()
    first = held(one)
    node.facts = msgspec.structs.replace(node.facts, name="Robert")
    await announcer.run()  # in the same second
    assert held(one) == held(two)
    assert msgspec.json.decode(held(one)["content"])["name"] == "Robert"
    assert held(one)["created_at"] > first["created_at"]


async def test_a_relay_that_refuses_is_asked_again_when_its_rest_is_over(node: Announcing) -> None:
    announcer, (one, two) = node.announcer(), node.relays
    two.play = "refuse"
    await announcer.run()
    report = await node.report()
    assert [relay.holds for relay in report.relays] == [True, False]
    assert report.relays[1].state.error == "blocked: not today"
    two.play = "honest"
    await announcer.run()
    assert two.held(ANNOUNCEMENT) == []
    node.clock.advance(seconds=7)
    await announcer.run()
    assert held(two) == held(one)


async def test_while_no_relay_answers_nothing_is_chosen_and_all_are_asked(
    node: Announcing,
) -> None:
    announcer, (one, two) = node.announcer(), node.relays
    one.play = two.play = "no websocket"
    await announcer.run()
    assert (await node.report()).stand is Stand.WAITING
    assert store.provider_of(await node.db.read(store.every), ME.pubkey) == ""
    one.play = two.play = "honest"
    node.clock.advance(seconds=7)
    await announcer.run()
    assert held(one) == held(two)


async def test_the_name_found_on_relays_is_kept_also_when_they_forget_it(node: Announcing) -> None:
    one, two = node.relays
    draft = Draft(ANNOUNCEMENT, (("d", "old-name"), ("u", URL)), "{}")
    other = Draft(ANNOUNCEMENT, (("d", "another"), ("u", "https://other.example.com")), "{}")
    one.keep(raw(ME.sign(draft, 1_000)))
    one.keep(raw(ME.sign(other, 2_000)))
    await node.announcer().run()
    assert [event["tags"][0] for event in two.held(ANNOUNCEMENT)] == [["d", "old-name"]]
    one.events.clear()
    two.events.clear()
    await node.announcer().run()
    assert held(one)["tags"][0] == ["d", "old-name"]


async def test_the_operators_name_for_it_wins(node: Announcing) -> None:
    node.settings = Settings(provider_id="mine", allow_insecure_mints=True)
    await node.announcer().run()
    assert held(node.relays[0])["tags"][0] == ["d", "mine"]


async def test_forged_events_of_its_own_key_do_not_mislead_it(node: Announcing) -> None:
    one, _ = node.relays
    draft = Draft(ANNOUNCEMENT, (("d", "evil"), ("u", URL)), "{}")
    forged = raw(EVE.sign(draft, node.clock.ms // 1_000 + 9)) | {"pubkey": ME.pubkey}
    lies = Draft(DELETION, (("a", f"{ANNOUNCEMENT}:{ME.pubkey}:{ME.pubkey[:12]}"),))
    one.extra = [forged, raw(EVE.sign(draft, 5_000)), raw(EVE.sign(lies, 2**40))]
    await node.announcer().run()
    assert held(one)["tags"][0] == ["d", ME.pubkey[:12]]
    assert held(one)["created_at"] == node.clock.ms // 1_000


async def test_withdrawn_it_is_gone_from_relays_and_back_when_the_operator_wants(
    node: Announcing,
) -> None:
    announcer, (one, two) = node.announcer(), node.relays
    await announcer.run()
    await node.say(store.WITHDRAWN)
    await announcer.run()
    assert one.held(ANNOUNCEMENT) == two.held(ANNOUNCEMENT) == []
    empty, deletion = one.received[-2:]
    assert empty["tags"] == [["d", ME.pubkey[:12]]]
    assert deletion["kind"] == DELETION
    assert (await node.report()).stand is Stand.WITHDRAWN
    node.clock.advance(seconds=2 * DAY)
    await announcer.run()
    await node.announcer().run()
    assert len(one.received) == 3, "it is said once"
    await node.db.write(lambda tx: store.drop(tx, store.WITHDRAWN))
    await announcer.run()
    assert held(one)["tags"][1] == ["u", URL]
    assert (await node.report()).stand is Stand.ANNOUNCED


async def test_withdrawn_and_back_in_the_same_second(node: Announcing) -> None:
    announcer, (one, _) = node.announcer(), node.relays
    await announcer.run()
    await node.say(store.WITHDRAWN)
    await announcer.run()
    await node.db.write(lambda tx: store.drop(tx, store.WITHDRAWN))
    await announcer.run()
    assert held(one)["tags"][1] == ["u", URL]


async def test_the_operator_may_ask_for_a_look_at_any_time(node: Announcing) -> None:
    announcer, (one, _) = node.announcer(), node.relays
    await announcer.run()
    one.events.clear()
    await announcer.run()
    assert one.events == {}
    await node.say(store.ASKED)
    await announcer.run()
    assert held(one)


async def test_without_an_address_or_a_key_nothing_is_said(node: Announcing) -> None:
    node.facts = msgspec.structs.replace(node.facts, urls=())
    await node.announcer().run()
    assert (await node.report()).stand is Stand.NO_ADDRESS
    node.given = Secret()
    await node.announcer().run()
    assert [relay.asked for relay in node.relays] == [[], []]


async def test_one_process_publishes_and_another_when_that_is_gone(
    node: Announcing,
) -> None:
    one, two = node.announcer("one"), node.announcer("two")
    await one.run()
    await two.run()
    assert len(node.relays[0].asked) == 1
    node.clock.advance(seconds=61)
    await two.run()
    assert len(node.relays[0].asked) == 2
    await one.run()
    assert len(node.relays[0].asked) == 2


async def test_the_relays_of_the_keys_owner_get_it_too_but_few_and_no_private_ones(
    node: Announcing,
) -> None:
    one, two = node.relays
    node.relays = [one]
    many = [("r", f"ws://127.0.0.1:{port}/") for port in range(1, 21)]
    tags = (
        ("r", "ws://10.0.0.1:8080"),
        ("r", "wss://read.example.com", "read"),
        ("r", two.url, "write"),
    )
    one.keep(raw(ME.sign(Draft(RELAY_LIST, (*tags, *many)), 1_000)))
    announcer = node.announcer()
    await announcer.run()
    assert held(two) == held(one)
    assert len(announcer.pool.urls) == 1 + 8
    assert "wss://read.example.com" not in announcer.pool.urls


async def test_what_a_former_key_left_to_say_is_said(node: Announcing) -> None:
    farewell = ME.sign(Draft(ANNOUNCEMENT, (("d", "x"),)), 1_000)
    text = msgspec.json.encode([farewell])
    await node.db.write(lambda tx: store.put(tx, store.FAREWELLS, text, 1))
    node.given = Secret()
    announcer = node.announcer()
    node.relays[1].play = "refuse"
    await announcer.run()
    assert held(node.relays[0]) == raw(farewell)
    node.relays[1].play = "honest"
    node.clock.advance(seconds=7)
    await announcer.run()
    assert held(node.relays[1]) == raw(farewell)


async def test_a_stored_key_that_cannot_be_opened_is_told(node: Announcing) -> None:
    node.given = Secret()
    await node.db.write(lambda tx: store.put(tx, store.KEY, b"x" * 60, 1))
    await node.announcer().run()
    assert (await node.report()).stand is Stand.BROKEN_KEY


async def test_what_somebody_else_announced_meanwhile_is_put_right(node: Announcing) -> None:
    announcer, (one, _) = node.announcer(), node.relays
    await announcer.run()
    node.facts = msgspec.structs.replace(node.facts, name="Mallory")
    await node.announcer().run()
    node.facts = FACTS
    await announcer.run()
    assert msgspec.json.decode(held(one)["content"])["name"] == "Bob"
    asked = len(one.asked)
    await announcer.run()
    assert len(one.asked) == asked
