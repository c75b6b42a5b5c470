from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from routstr.admin.first_run import FirstRun
from routstr.admin.passwords import Passwords
from routstr.admin.sessions import Sessions, Visit
from routstr.core.clock import ManualClock
from routstr.core.db import Database
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
        yield process(db, given)


def process(db: Database, given: Secret = NONE) -> tuple[Sessions, FirstRun]:
    clock = ManualClock()
    sessions = Sessions(db, NODE_KEY, clock, Passwords(db, NODE_KEY, clock, given, cost=CHEAP))
    return sessions, FirstRun(sessions, db, NODE_KEY)


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


async def test_every_database_has_a_link_of_its_own(tmp_path: Path) -> None:
    codes = []
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        async with opened(tmp_path / name) as (_, first):
            codes.append(code(await first.open()))
            assert [first.knows(one) for one in codes] == [False, True][-len(codes) :]
    assert {len(one) for one in codes} == {22}


async def test_a_password_of_the_environment_needs_no_link(tmp_path: Path) -> None:
    async with opened(tmp_path, PASSWORD) as (_, first):
        assert await first.open() is None


async def test_every_process_takes_the_link_and_only_one_sets_the_password(
    tmp_path: Path,
) -> None:
    async with database(tmp_path) as db:
        (sessions, first), (_, second) = process(db), process(db)
        given = code(await first.open())
        assert code(await second.open()) == given
        await second.begin(given, PASSWORD, HERE)
        with pytest.raises(SetupRefused):
            await first.begin(given, Secret("another horse"), HERE)
        await sessions.begin(PASSWORD, HERE)
