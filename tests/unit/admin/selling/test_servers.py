from pathlib import Path

import pytest

from routstr.errors import ProviderNotFound
from tests.unit.admin.selling.shop import open_shop
from tests.unit.admin.selling.test_providers import add_spare


async def test_providers_are_found_by_name_and_id_connected_or_not(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await add_spare(shop, "sk-1")
        servers = shop.board.servers
        for which, name, number in (("0", "own", 0), ("own", "own", 0), ("1", "spare", 1)):
            assert await servers.name_of(which) == name
            assert await servers.id_of(which) == number
        assert (await servers.profile("spare")).base_url == shop.url
        with pytest.raises(ProviderNotFound):
            await servers.profile("nobody")
