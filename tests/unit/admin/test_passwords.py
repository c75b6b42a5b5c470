from pathlib import Path

import pytest

from routstr.admin.passwords import COST, PASSWORD_CHARS_MAX, Passwords
from routstr.core.clock import ManualClock
from routstr.core.secret import Secret
from routstr.errors import AdminNotConfigured, PasswordLocked, PasswordUnfit
from tests.unit.admin.office import CHEAP
from tests.unit.upstream.storing import NODE_KEY, database

PASSWORD = Secret("correct horse")


async def test_a_stored_password_is_known_by_its_hash(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        one = Passwords(db, NODE_KEY, ManualClock(), Secret(), cost=CHEAP)
        assert not await one.set_up()
        with pytest.raises(AdminNotConfigured):
            await one.matches(PASSWORD)
        made = await one.create(PASSWORD)
        assert await one.set_up()
        assert await one.matches(PASSWORD) == made
        assert await one.matches(Secret("another horse")) is None


@pytest.mark.parametrize("unfit", ["", "7 chars", "x" * (PASSWORD_CHARS_MAX + 1)])
async def test_a_password_is_neither_short_nor_endless(unfit: str, tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        with pytest.raises(PasswordUnfit):
            await Passwords(db, NODE_KEY, ManualClock(), Secret(), cost=CHEAP).create(Secret(unfit))


async def test_whoever_has_the_machine_sets_another_one_and_ends_all_sessions(
    tmp_path: Path,
) -> None:
    async with database(tmp_path) as db:
        one = Passwords(db, NODE_KEY, ManualClock(), Secret(), cost=CHEAP)
        assert await one.reset(PASSWORD) == 0
        await one.reset(Secret("another horse"))
        assert await one.matches(PASSWORD) is None
        assert await one.matches(Secret("another horse")) is not None
        with pytest.raises(PasswordLocked):
            await Passwords(db, NODE_KEY, ManualClock(), PASSWORD, cost=CHEAP).reset(PASSWORD)


def test_guessing_costs_what_is_recommended() -> None:
    assert COST >= 1 << 14
