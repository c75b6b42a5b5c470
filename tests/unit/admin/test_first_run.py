from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from routstr.admin.first_run import FirstRun
from routstr.admin.passwords import Passwords
from routstr.admin.sessions import Sessions, Visit
from routstr.core.clock import ManualClock
from routstr.core.secret import Secret
from routstr.errors import PasswordUnfit, SetupRefused
from tests.unit.admin.office import CHEAP
from tests.unit.upstream.storing import NODE_KEY, database

PASSWORD = Secret("correct horse")
NONE = Secret()
HERE = Visit("192.0.2.1", "a browser")


@asynccontextmanager
async def opened(folder: Path, given: Secret = NONE) -> AsyncIterator[tuple[Sessions, FirstRun]]:
    async with database(folder) as db:
        clock = ManualClock()
        sessions = Sessions(db, NODE_KEY, clock, Passwords(db, NODE_KEY, clock, given, cost=CHEAP))
        yield sessions, FirstRun(sessions)


def code(link: str | None) -> str:
    assert link is not None
    return link.partition("?code=")[2]


async def test_whoever_has_the_link_sets_the_password_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as (sessions, first):
        given = code(await first.open())
        with pytest.raises(PasswordUnfit):
            await first.begin(given, Secret("short"), HERE)
        token = await first.begin(given, PASSWORD, HERE)
        await sessions.require(f"Bearer {token}")
        await sessions.begin(PASSWORD, HERE)
        with pytest.raises(SetupRefused):
            await first.begin(given, Secret("another horse"), HERE)
        assert await first.open() is None


@pytest.mark.parametrize("guess", ["", "x", "\ud800"])
async def test_nobody_else_does(guess: str, tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, first):
        assert not first.knows(guess)
        await first.open()
        with pytest.raises(SetupRefused):
            await first.begin(guess, PASSWORD, HERE)


async def test_every_start_has_a_link_of_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, first):
        old = code(await first.open())
        new = code(await first.open())
        assert not first.knows(old)
        assert first.knows(new)
        assert len(new) >= 22


async def test_a_password_of_the_environment_needs_no_link(tmp_path: Path) -> None:
    async with opened(tmp_path, PASSWORD) as (_, first):
        assert await first.open() is None


async def test_of_two_instances_only_one_sets_the_password(tmp_path: Path) -> None:
    async with opened(tmp_path) as (sessions, first):
        second = FirstRun(sessions)
        given, other = code(await first.open()), code(await second.open())
        await first.begin(given, PASSWORD, HERE)
        with pytest.raises(SetupRefused):
            await second.begin(other, Secret("another horse"), HERE)
        await sessions.begin(PASSWORD, HERE)
