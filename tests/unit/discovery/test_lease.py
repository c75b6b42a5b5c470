from pathlib import Path

from routstr.core.clock import ManualClock
from routstr.discovery.lease import Lease
from tests.unit.upstream.storing import database


async def test_a_lease_that_was_just_taken_costs_no_write(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        lease = Lease(db, ManualClock(), "one")
        assert await lease.held()
    assert await lease.held(), "the database is closed, and nobody asked it"
