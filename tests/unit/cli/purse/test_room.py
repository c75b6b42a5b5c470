"""Where a purse lies, and what of the settings holds for it."""

from pathlib import Path

import pytest

from routstr.cli.purse import room
from routstr.core.settings import Settings


def test_the_folder_is_named_or_the_desk_s(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROUTSTR_PURSE", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    assert room.usual_folder() == Path("/home/me/.local/share/routstr")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert room.usual_folder() == Path("/data/routstr")
    monkeypatch.setenv("ROUTSTR_PURSE", "/purse")
    assert room.usual_folder() == Path("/purse")


async def test_a_mint_that_must_not_be_asked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="https://"):
        async with room.opened(Settings(), tmp_path / "purse", "http://mint.example"):
            pass


def test_nothing_of_a_node_holds_for_a_purse(tmp_path: Path) -> None:
    node = Settings.model_validate(
        {"cashu_mints": "https://mint.example", "mint_exposure_sat_max": 5, "drain_seconds": 3}
    )
    settings = room._settings(node, tmp_path)
    assert (settings.cashu_mints, settings.mint_exposure_sat_max) == ((), 0)
    assert settings.database_file == tmp_path / "purse.db"
    assert settings.drain_seconds == 3
