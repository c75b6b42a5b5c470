"""A node's files, made once, and a town around a copy of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.assembly.storage import open_database
from routstr.core.node_key import load_node_key
from routstr.core.settings import Settings
from routstr.wallet.seed import load_seed
from tests.unit.cli.doctor.town import Town, open_town
from tests.unit.cli.stage import run


@pytest.fixture(scope="session")
def node_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examined")
    settings = Settings.model_validate({"database_url": f"sqlite:///{folder}/node.db"})

    async def make() -> None:
        key = load_node_key(settings)
        async with open_database(settings, key) as db:
            await load_seed(db, key)

    run(make())
    return folder


@pytest.fixture
async def town(tmp_path: Path, node_files: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path, node_files) as opened:
        yield opened
