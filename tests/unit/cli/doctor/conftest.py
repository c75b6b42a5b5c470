"""A town around a copy of a node's files."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.cli.doctor.town import Town, open_town


@pytest.fixture
async def town(tmp_path: Path, node_files: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path, node_files) as opened:
        yield opened
