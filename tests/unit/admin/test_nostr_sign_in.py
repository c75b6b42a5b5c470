"""Signing in with an event: what counts, once, here and now."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from routstr.admin.nostr_sign_in import WINDOW_MS, Claim, NostrSignIn, decoded, is_signed
from routstr.admin.passwords import Passwords
from routstr.admin.sessions import Sessions, Visit
from routstr.core.clock import ManualClock
from routstr.core.secret import Secret
from routstr.errors import AdminNotConfigured, SignInRefused, TooManyLogins
from tests.unit.admin.office import CHEAP
from tests.unit.upstream import storing

ASKED = "http://10.0.0.5:8000/admin/api/login"
PUBLIC = "https://node.example.com/admin/api/login"
HEADER = "Nostr " + base64.b64encode(b"{}").decode()
VISIT = Visit("10.9.8.7", "a browser")


@dataclass
class Door:
    """Whatever is given as an event says ``claim``."""

    sessions: Sessions
    clock: ManualClock
    claim: Claim | None = None
    spent: set[str] = field(default_factory=set)

    def claims(self, url: str = PUBLIC, method: str = "POST", later_ms: int = 0) -> None:
        self.claim = Claim("e" * 64, self.clock.ms + later_ms, url, method)

    async def enter(self, header: str = HEADER) -> str:
        async def read(_: bytes) -> Claim | None:
            return self.claim

        async def spend(event_id: str) -> bool:
            new = event_id not in self.spent
            self.spent.add(event_id)
            return new

        addresses = ["https://node.example.com"]
        way = NostrSignIn(self.sessions, self.clock, read, spend, lambda: addresses)
        return await way.begin(header, ASKED, VISIT)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with storing.database(tmp_path) as db:
        clock = ManualClock()
        key = storing.NODE_KEY
        passwords = Passwords(db, key, clock, Secret("correct horse"), cost=CHEAP)
        yield Door(Sessions(db, key, clock, passwords), clock)


async def test_a_claim_for_this_node_opens_a_session_once(door: Door) -> None:
    door.claims()
    token = await door.enter()
    assert (await door.sessions.require(f"Bearer {token}")).session is not None
    with pytest.raises(SignInRefused):
        await door.enter()


async def test_an_address_of_the_own_network_counts_as_it_is_asked(door: Door) -> None:
    door.claims(ASKED)
    assert await door.enter()


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/admin/api/login",
        "https://node.example.com/admin/api/logout",
        "https://node.example.com/admin/api/login?next=1",
        "http://10.0.0.6:8000/admin/api/login",
        "http://[bad/admin/api/login",
        "/admin/api/login",
        "",
    ],
)
async def test_a_claim_for_another_place_is_refused(door: Door, url: str) -> None:
    door.claims(url)
    with pytest.raises(SignInRefused):
        await door.enter()
    assert door.spent == set()


@pytest.mark.parametrize("later_ms", [-WINDOW_MS - 1, WINDOW_MS + 1])
async def test_a_claim_of_another_time_is_refused(door: Door, later_ms: int) -> None:
    door.claims(later_ms=later_ms)
    with pytest.raises(SignInRefused):
        await door.enter()


async def test_a_claim_for_another_method_and_no_claim_are_refused(door: Door) -> None:
    door.claims(method="GET")
    with pytest.raises(SignInRefused):
        await door.enter()
    door.claim = None
    with pytest.raises(SignInRefused):
        await door.enter()
    door.claims()
    with pytest.raises(SignInRefused):
        await door.enter("Nostr !!!")


async def test_whoever_guesses_is_slowed_down_and_noted(door: Door) -> None:
    door.claim = None
    for _ in range(3):
        with pytest.raises(SignInRefused):
            await door.enter()
    with pytest.raises(TooManyLogins):
        await door.enter()


async def test_without_a_password_nobody_is_the_operator(tmp_path: Path) -> None:
    async with storing.database(tmp_path) as db:
        clock, key = ManualClock(), storing.NODE_KEY
        sessions = Sessions(db, key, clock, Passwords(db, key, clock, Secret(), cost=CHEAP))
        door = Door(sessions, clock)
        door.claims()
        with pytest.raises(AdminNotConfigured):
            await door.enter()


@pytest.mark.parametrize("header", ["", "Bearer x", "Nostr !!!", "Nostr " + "A" * 9_000])
def test_headers_without_an_event(header: str) -> None:
    assert decoded(header) is None


def test_an_event_in_a_header() -> None:
    assert decoded(HEADER) == b"{}"
    assert is_signed(HEADER)
    assert is_signed("nostr x")
    assert not is_signed("Bearer x")
    assert not is_signed(None)
