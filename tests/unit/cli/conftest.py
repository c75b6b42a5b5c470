"""The stage on which commands are tried."""

from pathlib import Path

import pytest

from tests.unit.cli.stage import Stage, set_up


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return set_up(tmp_path, monkeypatch)


@pytest.fixture
def database(stage: Stage) -> Stage:
    """A stage with the schema of this version."""
    stage.migrate()
    return stage
