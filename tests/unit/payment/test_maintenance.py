from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.errors import UnderMaintenance
from routstr.payment.deposits import admit_deposit, admit_purchase
from routstr.payment.maintenance import STATE, Maintenance, told_with
from tests.unit.upstream.storing import database


async def test_while_it_is_on_nothing_new_is_taken_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        clock = ManualClock()
        maintenance = Maintenance(db, clock)
        await db.write(admit_purchase)
        assert await maintenance.turn(on=True) == clock.now_ms()
        with pytest.raises(UnderMaintenance):
            await db.write(admit_purchase)
        await db.write(admit_deposit)  # a token that pays for one request
        assert await Maintenance(db, clock).since() == clock.now_ms(), "another instance sees it"
        assert await maintenance.turn(on=False) is None
        await db.write(admit_purchase)


async def test_broken_books_are_told_before_maintenance(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        await Maintenance(db, ManualClock()).turn(on=True)
        assert await db.read(told_with(lambda _: "open")) == STATE
        assert await db.read(told_with(lambda _: "closed: sums")) == "closed: sums"
