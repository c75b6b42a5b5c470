from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.admin import repository
from routstr.admin.passwords import Passwords
from routstr.admin.repository import SIGN_INS_MAX, SignInRecord
from routstr.admin.scopes import Scope
from routstr.admin.sessions import (
    PAGE_IDLE_SECONDS,
    PAGE_SECONDS_MAX,
    SESSION_SECONDS,
    Sessions,
    Visit,
)
from routstr.admin.throttle import FREE
from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.secret import Secret
from routstr.errors import (
    AdminError,
    AdminNotConfigured,
    InvalidPassword,
    PasswordLocked,
    PasswordUnfit,
    TooManyLogins,
)
from tests.unit.admin.office import CHEAP
from tests.unit.upstream.storing import NODE_KEY, database

PASSWORD = Secret("correct horse")
NEW = Secret("battery staple")
HERE = Visit("192.0.2.1", "a browser")


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with database(tmp_path) as opened:
        yield opened


def sessions(db: Database, clock: ManualClock, password: Secret = PASSWORD) -> Sessions:
    return Sessions(db, NODE_KEY, clock, Passwords(db, NODE_KEY, clock, password, cost=CHEAP))


async def stored(db: Database, clock: ManualClock) -> Sessions:
    """Sessions whose password is in the database."""
    one = sessions(db, clock, Secret())
    assert await one.passwords.create(PASSWORD)
    return one


async def test_the_password_begins_a_session_that_every_instance_knows(db: Database) -> None:
    clock = ManualClock()
    token = await sessions(db, clock).begin(PASSWORD, HERE)
    another = sessions(db, clock)
    await another.require(f"Bearer {token}")
    await another.require(f"bearer  {token}")
    clock.advance(seconds=SESSION_SECONDS - 1)
    await another.require(f"Bearer {token}", Scope.MONEY)
    clock.advance(seconds=1)
    with pytest.raises(AdminError):
        await another.require(f"Bearer {token}")


async def test_a_browsers_session_lasts_while_it_is_used_but_not_for_ever(db: Database) -> None:
    clock = ManualClock()
    one = sessions(db, clock)
    token = await one.begin(PASSWORD, HERE, browser=True)
    for _ in range(PAGE_SECONDS_MAX // (PAGE_IDLE_SECONDS - 1)):
        clock.advance(seconds=PAGE_IDLE_SECONDS - 1)
        await one.require(f"Bearer {token}")
    clock.advance(seconds=PAGE_IDLE_SECONDS - 1)
    with pytest.raises(AdminError):
        await one.require(f"Bearer {token}")
    token = await one.begin(PASSWORD, HERE, browser=True)
    clock.advance(seconds=PAGE_IDLE_SECONDS)
    with pytest.raises(AdminError):
        await one.require(f"Bearer {token}")


@pytest.mark.parametrize("wrong", ["", "correct horse ", "Correct horse", "x" * 100_000, "\ud800"])
async def test_another_password_begins_none(db: Database, wrong: str) -> None:
    with pytest.raises(InvalidPassword):
        await sessions(db, ManualClock()).begin(Secret(wrong), HERE)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic x",
        "x" * 5_000,
        "Bearer ü",
        "Bearer sk-admin-x",
    ],
)
async def test_nobody_else_is_the_operator(db: Database, authorization: str | None) -> None:
    one = sessions(db, ManualClock())
    await one.begin(PASSWORD, HERE)
    for act in (one.require(authorization), one.require(authorization, Scope.READ)):
        with pytest.raises(AdminError):
            await act
    with pytest.raises(AdminError):
        await one.end(authorization)


async def test_after_the_log_out_a_session_is_over_everywhere(db: Database) -> None:
    clock = ManualClock()
    one, another = sessions(db, clock), sessions(db, clock)
    first, second = [await one.begin(PASSWORD, HERE) for _ in range(2)]
    await another.end(f"Bearer {first}")
    with pytest.raises(AdminError):
        await one.require(f"Bearer {first}")
    await one.require(f"Bearer {second}")


async def test_another_password_of_the_environment_ends_every_session(db: Database) -> None:
    clock = ManualClock()
    token = await sessions(db, clock).begin(PASSWORD, HERE)
    with pytest.raises(AdminError):
        await sessions(db, clock, NEW).require(f"Bearer {token}")


async def test_a_changed_password_ends_all_sessions_but_the_one_that_changed_it(
    db: Database,
) -> None:
    clock = ManualClock()
    one, another = await stored(db, clock), sessions(db, clock, Secret())
    here, there = [await one.begin(PASSWORD, HERE) for _ in range(2)]
    await another.require(f"Bearer {there}")
    await one.change_password(f"Bearer {here}", PASSWORD, NEW, HERE)
    await another.require(f"Bearer {here}")
    with pytest.raises(AdminError):
        await another.require(f"Bearer {there}")
    with pytest.raises(InvalidPassword):
        await another.begin(PASSWORD, HERE)
    await another.begin(NEW, HERE)


async def test_who_does_not_know_the_password_cannot_change_it(db: Database) -> None:
    one = await stored(db, ManualClock())
    here = f"Bearer {await one.begin(PASSWORD, HERE)}"
    with pytest.raises(PasswordUnfit):
        await one.change_password(here, PASSWORD, Secret("short"), HERE)
    for _ in range(FREE):
        with pytest.raises(InvalidPassword):
            await one.change_password(here, NEW, NEW, HERE)
    with pytest.raises(TooManyLogins):
        await one.change_password(here, PASSWORD, NEW, HERE)
    with pytest.raises(AdminError):
        await one.change_password("Bearer x", PASSWORD, NEW, HERE)


async def test_the_environments_password_wins_and_is_changed_there_only(db: Database) -> None:
    clock = ManualClock()
    await stored(db, clock)
    one = sessions(db, clock, NEW)
    with pytest.raises(InvalidPassword):
        await one.begin(PASSWORD, HERE)
    here = f"Bearer {await one.begin(NEW, HERE)}"
    with pytest.raises(PasswordLocked):
        await one.change_password(here, NEW, PASSWORD, HERE)
    await sessions(db, clock, Secret()).begin(PASSWORD, HERE)


async def test_the_first_password_is_stored_once(db: Database) -> None:
    one = await stored(db, ManualClock())
    assert await one.passwords.create(NEW) is None
    await one.begin(PASSWORD, HERE)


async def test_without_a_password_nobody_is_the_operator(db: Database) -> None:
    one = sessions(db, ManualClock(), Secret())
    for act in (
        one.begin(Secret(), HERE),
        one.require("Bearer x"),
        one.require("Bearer sk-admin-x", Scope.READ),
        one.end("Bearer x"),
    ):
        with pytest.raises(AdminNotConfigured):
            await act


async def test_guessing_is_slowed_down_by_network(db: Database) -> None:
    clock = ManualClock()
    one = sessions(db, clock)
    for number in range(FREE):
        with pytest.raises(InvalidPassword):
            await one.begin(Secret("guess"), Visit(f"2001:db8::{number}"))
    with pytest.raises(TooManyLogins):
        await one.begin(PASSWORD, Visit("2001:db8::ffff"))
    clock.advance(seconds=2)
    await one.begin(PASSWORD, Visit("2001:db8::ffff"))
    await one.begin(PASSWORD, Visit("2001:db8::1"))


async def test_a_token_and_a_password_are_stored_as_hashes_only(
    db: Database, tmp_path: Path
) -> None:
    token = await (await stored(db, ManualClock())).begin(PASSWORD, HERE)
    lying = b"".join(file.read_bytes() for file in tmp_path.glob("node.db*"))
    assert token.encode() not in lying
    assert PASSWORD.reveal().encode() not in lying


async def test_it_is_remembered_who_gave_a_password(db: Database) -> None:
    clock = ManualClock()
    one = sessions(db, clock)
    stranger = Visit("2001:db8::1", "evil\r\n\x1b[2J<b>" + "x" * 500)
    with pytest.raises(InvalidPassword):
        await one.begin(Secret("guess"), stranger)
    await one.begin(PASSWORD, HERE)
    last, first = await db.read(lambda c: repository.sign_ins(c, 10))
    assert last == SignInRecord(clock.now_ms(), "192.0.2.1", "a browser", succeeded=True)
    assert (first.succeeded, len(first.agent)) == (False, 200)
    assert not any(ord(char) < 32 for char in first.agent)


async def test_only_the_newest_sign_ins_are_kept(db: Database) -> None:
    def fill(tx: object) -> None:
        for number in range(SIGN_INS_MAX + 50):
            repository.note_sign_in(tx, SignInRecord(number, "", "", succeeded=False))  # type: ignore[arg-type]

    await db.write(fill)
    kept = await db.read(lambda c: repository.sign_ins(c, 10_000))
    assert len(kept) <= SIGN_INS_MAX + 10
    assert kept[0].at == SIGN_INS_MAX + 49
