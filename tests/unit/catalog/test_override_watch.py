from pathlib import Path

from routstr.catalog.override_store import Alteration, Entries, Overrides
from routstr.catalog.override_watch import OverrideWatch
from routstr.core.clock import ManualClock
from tests.unit.upstream import storing


async def test_an_instance_follows_what_another_stores(tmp_path: Path) -> None:
    async with storing.database(tmp_path) as db:
        store, seen = Overrides(db, ManualClock()), list[list[int]]()

        async def changed(entries: Entries) -> None:
            seen.append(sorted(entries))

        watch = OverrideWatch(store, changed)
        await watch.look()
        await watch.look()
        await store.alter([Alteration(7, "m", {"free": True})])
        await watch.look()
        await watch.look()
        assert seen == [[], [7]]
