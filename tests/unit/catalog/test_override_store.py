from decimal import Decimal
from pathlib import Path

import pytest

from routstr.catalog import override_store
from routstr.catalog.override_store import Alteration, Overrides
from routstr.core.clock import ManualClock
from routstr.errors import ModelInvalid
from tests.unit.upstream import storing


async def test_changes_are_merged_replaced_and_forgotten(tmp_path: Path) -> None:
    async with storing.database(tmp_path) as db:
        store = Overrides(db, ManualClock())
        fee = {"provider_fee": Decimal("1.2"), "name": "N"}
        await store.alter([Alteration(1, "V/m", fee), Alteration(2, "v/m", {"free": True})])
        _, entries = await store.every()
        assert entries[1] == {"v/m": {"id": "V/m", "provider_fee": "1.2", "name": "N"}}
        await store.alter([Alteration(1, "V/m", {"name": None, "base_msats": 3})])
        await store.alter([Alteration(2, "v/m", {"enabled": False}, whole=True)])
        _, entries = await store.every()
        assert entries[1]["v/m"] == {"id": "V/m", "provider_fee": "1.2", "base_msats": 3}
        assert entries[2]["v/m"] == {"id": "v/m", "enabled": False}
        await store.alter([Alteration(2, "v/m", {"enabled": None})])
        assert (await store.every())[1].keys() == {1}
        assert await store.forget(1, "v/M") == 1
        assert await store.forget(1) == 0


async def test_every_change_makes_another_version(tmp_path: Path) -> None:
    async with storing.database(tmp_path) as db:
        store = Overrides(db, ManualClock())
        seen = [await store.version()]
        for model in ("a", "b"):
            await store.alter([Alteration(1, model, {"free": True})])
            seen.append(await store.version())
        await store.alter([Alteration(1, "a", {"free": False})])
        seen.append(await store.version())
        await store.forget(1, "b")
        seen.append(await store.version())
        await store.alter([Alteration(1, "b", {"free": True})])
        seen.append(await store.version())
        assert len(set(seen)) == len(seen)


async def test_there_is_an_end_and_then_nothing_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(override_store, "STORED_MAX", 1)
    async with storing.database(tmp_path) as db:
        store = Overrides(db, ManualClock())
        with pytest.raises(ModelInvalid):
            await store.alter([Alteration(1, name, {"free": True}) for name in "ab"])
        assert (await store.every())[1] == {}
