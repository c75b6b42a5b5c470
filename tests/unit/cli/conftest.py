"""The stage on which commands are tried."""

import shutil
from pathlib import Path

import pytest

from routstr.assembly.storage import open_database
from routstr.core.db import migrate
from routstr.core.node_key import load_node_key
from routstr.core.settings import Settings
from routstr.wallet.seed import load_seed
from tests.unit.cli.stage import Stage, run, set_up


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return set_up(tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was migrated once; to be copied."""
    file = tmp_path_factory.mktemp("schema") / "node.db"
    migrate.upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def database(stage: Stage, schema: Path) -> Stage:
    """A stage with the schema of this version."""
    shutil.copy2(schema, stage.folder / "node.db")
    return stage


@pytest.fixture(scope="session")
def node_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Database and key of a node that was started once; to be copied."""
    folder = tmp_path_factory.mktemp("examined")
    settings = Settings.model_validate({"database_url": f"sqlite:///{folder}/node.db"})

    async def make() -> None:
        key = load_node_key(settings)
        async with open_database(settings, key) as db:
            await load_seed(db, key)

    run(make())
    return folder
