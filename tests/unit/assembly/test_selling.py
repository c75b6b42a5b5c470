from pathlib import Path
from typing import Any, cast

from routstr.assembly.selling import start_overrides
from routstr.catalog.override_store import Alteration, Entries, Overrides
from routstr.core.clock import ManualClock
from routstr.core.tasks import Supervisor
from tests.unit.upstream import storing


class Lists:
    """Keeps what is laid over."""

    def __init__(self) -> None:
        self.stored: list[Entries] = []
        self.lists = self

    async def set_stored(self, stored: Entries) -> None:
        self.stored.append(stored)


async def test_stored_changes_are_known_before_the_first_request(tmp_path: Path) -> None:
    async with storing.database(tmp_path) as db:
        clock, shelf = ManualClock(), Lists()
        await Overrides(db, clock).alter([Alteration(0, "m", {"free": True})])
        supervisor = Supervisor(clock)
        watch = await start_overrides(cast("Any", shelf), db, clock, supervisor)
        assert shelf.stored == [{0: {"m": {"id": "m", "free": True}}}]
        await watch.look()
        await supervisor.stop(1)
        assert len(shelf.stored) == 1
