"""The node as a guest of relays that behave and that do not, all on this machine."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import nostr_sdk
import pytest
from aiohttp import ClientSession

from devkit.ports import free_port
from devkit.relay import NostrRelay
from routstr.core.clock import ManualClock
from routstr.core.http import outgoing_session
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.discovery import relay as relay_module
from routstr.discovery.events import Draft, Event, Filter
from routstr.discovery.identity import Identity
from routstr.discovery.relay import relay_url
from routstr.discovery.relays import REST_SECONDS_MAX, RelayPool, rest_seconds

ME = Identity(Secret("11" * 32))
OTHER = Identity(Secret("22" * 32))
DRAFT = Draft(38_421, (("d", "node"), ("u", "https://node.example.com")), '{"name":"n"}')
LIMIT_S = 0.2


@asynccontextmanager
async def pool_of(*urls: str, clock: ManualClock | None = None) -> AsyncIterator[RelayPool]:
    async with outgoing_session(Settings(), allow_loopback=True) as session:
        yield RelayPool(urls, session, clock or ManualClock())


def raw(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(event)
    return found


async def test_an_event_is_given_to_every_relay_and_read_back_once() -> None:
    event = ME.sign(DRAFT, 1_000)
    async with NostrRelay() as one, NostrRelay() as two, pool_of(one.url, two.url) as pool:
        answers = await pool.publish(event)
        found = await pool.query([Filter(kinds=(38_421,), authors=(ME.pubkey,))])
    assert {url: answer.taken for url, answer in answers.items()} == {one.url: True, two.url: True}
    assert found == [event]
    assert [state.error for state in pool.states()] == ["", ""]


async def test_a_relay_of_other_people_is_understood() -> None:
    event = ME.sign(DRAFT, 1_700_000_000)
    relay = nostr_sdk.LocalRelayBuilder().addr("127.0.0.1").port(free_port()).build()
    await relay.run()
    url = relay_url(str(await relay.url()), allow_insecure=True)
    async with pool_of(url) as pool:
        assert (await pool.publish(event))[url].taken
        assert (await pool.publish(event))[url].taken, "a duplicate is no failure"
        assert await pool.query([Filter(tags={"d": ("node",)}, limit=3)]) == [event]
    relay.shutdown()


@pytest.mark.parametrize(
    ("play", "reason"),
    [
        ("refuse", "blocked: not today"),
        ("silent", "no answer in time"),
        ("closing", "it closed the connection"),
        ("no websocket", "it answered with status 418"),
        ("giant", "it closed the connection"),
    ],
)
async def test_what_a_relay_does_instead_of_taking_an_event(play: Any, reason: str) -> None:
    clock = ManualClock()
    async with NostrRelay() as relay, pool_of(relay.url, clock=clock) as pool:
        relay.play = play
        answer = (await pool.publish(ME.sign(DRAFT, 1_000), limit_s=LIMIT_S))[relay.url]
        (state,) = pool.states()
        assert not answer.taken
        assert (answer.reason, state.error, state.failures) == (reason, reason, 1)
        assert not pool.ready(relay.url)
        clock.advance(seconds=6.1)
        assert pool.ready(relay.url)
        relay.play = "honest"
        assert (await pool.publish(ME.sign(DRAFT, 1_000)))[relay.url].taken
        assert pool.states()[0].failures == 0


@pytest.mark.parametrize("play", ["garbage", "slow"])
async def test_noise_and_slowness_are_borne(play: Any) -> None:
    event = ME.sign(DRAFT, 1_000)
    async with NostrRelay() as relay, pool_of(relay.url) as pool:
        relay.play = play
        assert (await pool.publish(event))[relay.url].taken
        assert await pool.query([Filter(kinds=(38_421,))]) == [event]


async def test_forged_events_and_those_that_nobody_asked_for_are_left_out() -> None:
    event = ME.sign(DRAFT, 1_000)
    forged = raw(event) | {"content": "{}"}
    stolen = raw(OTHER.sign(DRAFT, 2_000)) | {"pubkey": ME.pubkey}
    async with NostrRelay() as relay, pool_of(relay.url) as pool:
        relay.extra = [forged, stolen, raw(OTHER.sign(DRAFT, 3)), {"id": "x"}, raw(event)]
        asked = [Filter(kinds=(38_421,), authors=(ME.pubkey,))]
        assert await pool.query(asked) == [event]


async def test_what_came_before_the_time_was_over_is_enough() -> None:
    event = ME.sign(DRAFT, 1_000)
    async with NostrRelay() as relay, pool_of(relay.url) as pool:
        relay.extra = [raw(event)]
        relay.play = "endless"
        assert await pool.query([Filter(kinds=(38_421,))], limit_s=LIMIT_S) == [event]


async def test_answers_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "EVENTS_MAX", 3)
    async with NostrRelay() as relay, pool_of(relay.url) as pool:
        relay.extra = [raw(ME.sign(DRAFT, at)) for at in range(5)]
        assert len(await pool.query([Filter(kinds=(38_421,))])) == 3


async def test_a_relay_that_tells_more_than_was_asked_for_is_not_heard_out() -> None:
    async with NostrRelay() as relay, pool_of(relay.url) as pool:
        relay.extra = [raw(ME.sign(DRAFT, at)) for at in range(6)]
        asked = [Filter(kinds=(38_421,), limit=2), Filter(authors=(ME.pubkey,), limit=1)]
        assert len(await pool.query(asked)) == 3


async def test_a_relay_on_a_private_address_is_not_connected_to() -> None:
    async with NostrRelay() as relay, AsyncExitStack() as stack:
        session: ClientSession = await stack.enter_async_context(outgoing_session(Settings()))
        pool = RelayPool([relay.url], session, ManualClock())
        answers = await pool.publish(ME.sign(DRAFT, 1_000))
    assert answers[relay.url].reason == "it cannot be reached"
    assert relay.received == []


async def test_a_relay_that_is_not_there_does_not_hinder_the_others() -> None:
    event = ME.sign(DRAFT, 1_000)
    gone = f"ws://127.0.0.1:{free_port()}"
    async with NostrRelay() as relay, pool_of(gone, relay.url) as pool:
        answers = await pool.publish(event)
        held = await pool.query_each([Filter(kinds=(38_421,))])
    assert (answers[gone].taken, answers[relay.url].taken) == (False, True)
    assert held == {relay.url: [event]}


def test_rests_double_up_to_a_quarter_of_an_hour() -> None:
    assert 4 <= rest_seconds(0) <= 6
    assert 8 <= rest_seconds(1) <= 12
    assert 0.8 * REST_SECONDS_MAX <= rest_seconds(100) <= 1.2 * REST_SECONDS_MAX
