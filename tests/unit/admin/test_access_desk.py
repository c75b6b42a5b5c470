from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from routstr.admin.access_desk import AccessDesk
from routstr.admin.passwords import Passwords
from routstr.admin.scopes import USUAL, Scope
from routstr.admin.sessions import Sessions, Visit
from routstr.core.clock import ManualClock
from routstr.core.secret import Secret
from routstr.errors import AdminError, ScopeMissing, SessionNotFound, TokenNotFound, TokenUnfit
from tests.unit.admin.office import CHEAP
from tests.unit.upstream.storing import NODE_KEY, database

PASSWORD = Secret("correct horse")
DAY_S = 86_400


@asynccontextmanager
async def desk(folder: Path, clock: ManualClock) -> AsyncIterator[tuple[AccessDesk, Sessions]]:
    async with database(folder) as db:
        sessions = Sessions(
            db, NODE_KEY, clock, Passwords(db, NODE_KEY, clock, PASSWORD, cost=CHEAP)
        )
        yield AccessDesk(db, clock, sessions), sessions


async def test_a_token_does_what_its_scopes_say_until_it_expires(tmp_path: Path) -> None:
    clock = ManualClock()
    async with desk(tmp_path, clock) as (at, sessions):
        token, text = await at.create_token(" a script ", (Scope.MONEY, Scope.READ), 1)
        assert (token.name, token.scopes) == ("a script", (Scope.READ, Scope.MONEY))
        assert text.startswith(token.preview[:-1])
        assert len(token.preview) < len(text) / 2
        bearer = f"Bearer {text}"
        caller = await sessions.require(bearer, Scope.MONEY)
        assert (caller.token, caller.session) == (token.id, None)
        with pytest.raises(ScopeMissing):
            await sessions.require(bearer, Scope.SETTINGS)
        with pytest.raises(AdminError):
            await sessions.require(bearer)  # where only a session will do
        (seen,) = await at.tokens()
        assert (seen.last_used_at, seen.expired) == (clock.now_ms(), False)
        clock.advance(seconds=DAY_S)
        with pytest.raises(AdminError):
            await sessions.require(bearer, Scope.READ)
        assert (await at.tokens())[0].expired


async def test_a_revoked_token_is_nobodys(tmp_path: Path) -> None:
    async with desk(tmp_path, ManualClock()) as (at, sessions):
        token, text = await at.create_token("a script")
        assert token.scopes == USUAL
        assert Scope.SECURITY not in token.scopes
        await at.revoke_token(token.id)
        with pytest.raises(AdminError):
            await sessions.require(f"Bearer {text}", Scope.READ)
        with pytest.raises(TokenNotFound):
            await at.revoke_token(token.id)


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [
        ("", USUAL, None),
        ("x" * 101, USUAL, None),
        ("x", (), None),
        ("x", USUAL, 0),
        ("x", USUAL, 9_999),
    ],
)
async def test_not_every_token_can_be_made(
    name: str, scopes: tuple[Scope, ...], days: int | None, tmp_path: Path
) -> None:
    async with desk(tmp_path, ManualClock()) as (at, _):
        with pytest.raises(TokenUnfit):
            await at.create_token(name, scopes, days)


async def test_sessions_are_seen_and_ended(tmp_path: Path) -> None:
    async with desk(tmp_path, ManualClock()) as (at, sessions):
        tokens = [await sessions.begin(PASSWORD, Visit("192.0.2.1", f"b{n}")) for n in range(3)]
        here = (await sessions.require(f"Bearer {tokens[0]}")).session
        seen = await at.sessions(here)
        assert [(one.agent, one.here) for one in seen] == [
            ("b2", False),
            ("b1", False),
            ("b0", True),
        ]
        await at.end_session(seen[0].id)
        with pytest.raises(SessionNotFound):
            await at.end_session(seen[0].id)
        assert await at.end_others(here) == 1
        assert [one.agent for one in await at.sessions(here)] == ["b0"]
        assert [one.agent for one in await at.sign_ins()] == ["b2", "b1", "b0"]
