from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.admin.sessions import SESSION_SECONDS, Sessions
from routstr.admin.throttle import FREE
from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.secret import Secret
from routstr.errors import AdminError, AdminNotConfigured, InvalidPassword, TooManyLogins
from tests.unit.upstream.storing import NODE_KEY, database

PASSWORD = Secret("correct horse")


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with database(tmp_path) as opened:
        yield opened


def sessions(db: Database, clock: ManualClock, password: Secret = PASSWORD) -> Sessions:
    return Sessions(db, NODE_KEY, clock, password)


async def test_the_password_begins_a_session_that_every_instance_knows(db: Database) -> None:
    clock = ManualClock()
    token = await sessions(db, clock).begin(PASSWORD, "192.0.2.1")
    another = sessions(db, clock)
    await another.require(f"Bearer {token}")
    await another.require(f"bearer  {token}")
    clock.advance(seconds=SESSION_SECONDS)
    with pytest.raises(AdminError):
        await another.require(f"Bearer {token}")


@pytest.mark.parametrize("wrong", ["", "correct horse ", "Correct horse", "x" * 100_000, "\ud800"])
async def test_another_password_begins_none(db: Database, wrong: str) -> None:
    with pytest.raises(InvalidPassword):
        await sessions(db, ManualClock()).begin(Secret(wrong), "")


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer x", "Basic x", "x" * 5_000, "Bearer ü"]
)
async def test_nobody_else_is_the_operator(db: Database, authorization: str | None) -> None:
    one = sessions(db, ManualClock())
    await one.begin(PASSWORD, "")
    with pytest.raises(AdminError):
        await one.require(authorization)
    with pytest.raises(AdminError):
        await one.end(authorization)


async def test_after_the_log_out_a_session_is_over_everywhere(db: Database) -> None:
    clock = ManualClock()
    one, another = sessions(db, clock), sessions(db, clock)
    first, second = [await one.begin(PASSWORD, "") for _ in range(2)]
    await another.end(f"Bearer {first}")
    with pytest.raises(AdminError):
        await one.require(f"Bearer {first}")
    await one.require(f"Bearer {second}")


async def test_another_password_ends_every_session(db: Database) -> None:
    clock = ManualClock()
    token = await sessions(db, clock).begin(PASSWORD, "")
    with pytest.raises(AdminError):
        await sessions(db, clock, Secret("another horse")).require(f"Bearer {token}")


async def test_without_a_password_nobody_is_the_operator(db: Database) -> None:
    one = sessions(db, ManualClock(), Secret())
    for act in (one.begin(Secret(), ""), one.require("Bearer x"), one.end("Bearer x")):
        with pytest.raises(AdminNotConfigured):
            await act


async def test_guessing_is_slowed_down_by_network(db: Database) -> None:
    clock = ManualClock()
    one = sessions(db, clock)
    for number in range(FREE):
        with pytest.raises(InvalidPassword):
            await one.begin(Secret("guess"), f"2001:db8::{number}")
    with pytest.raises(TooManyLogins):
        await one.begin(PASSWORD, "2001:db8::ffff")
    clock.advance(seconds=2)
    await one.begin(PASSWORD, "2001:db8::ffff")
    await one.begin(PASSWORD, "2001:db8::1")


async def test_a_token_is_stored_as_a_hash_only(db: Database, tmp_path: Path) -> None:
    token = await sessions(db, ManualClock()).begin(PASSWORD, "")
    lying = b"".join(file.read_bytes() for file in tmp_path.glob("node.db*"))
    assert token.encode() not in lying
    assert PASSWORD.reveal().encode() not in lying
