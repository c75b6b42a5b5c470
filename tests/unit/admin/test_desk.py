from decimal import Decimal
from pathlib import Path

import pytest

from routstr.admin.desk import ProviderDesk
from routstr.admin.schemas import ProviderChange, ProviderCreate
from routstr.errors import ProviderExists, ProviderInvalid
from tests.unit.upstream.carriers import profile
from tests.unit.upstream.storing import database, providers

OWN = profile("own", "k", id=0)


async def test_only_what_has_changed_is_looked_at(tmp_path: Path) -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    async with database(tmp_path) as db:
        desk = ProviderDesk(providers(db, taken="own"), (OWN,), Decimal("1.5"), look)
        made = await desk.add(ProviderCreate(provider_type="groq"))
        assert (made.provider_fee, looks) == (1.5, 1)
        with pytest.raises(ProviderExists):
            await desk.add(ProviderCreate(provider_type="groq", slug="groq"))
        with pytest.raises(ProviderInvalid, match="UPSTREAM_BASE_URL"):
            await desk.change("own", ProviderChange(priority=1))
        with pytest.raises(ProviderInvalid, match="UPSTREAM_BASE_URL"):
            await desk.remove("0")
        await desk.every()
        assert looks == 1
        await desk.change("groq", ProviderChange(priority=1))
        await desk.remove("groq")
        assert looks == 3
