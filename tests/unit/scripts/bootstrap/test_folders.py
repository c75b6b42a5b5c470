import shutil
from pathlib import Path

import pytest

from scripts.bootstrap import folders
from scripts.bootstrap.folders import NotOurs, clear, make_room


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "a folder"
    (place / "inside").mkdir(parents=True)
    return place


def test_a_folder_is_cleared_with_all_that_is_inside(folder: Path) -> None:
    clear(folder, pytest.fail)

    assert not folder.exists()


def test_nothing_is_cleared_where_nothing_is(tmp_path: Path) -> None:
    clear(tmp_path / "nothing", pytest.fail)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_removed_and_its_target_stays(folder: Path, *, there: bool) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder if there else folder / "nowhere")

    clear(link, pytest.fail)

    assert not link.is_symlink()
    assert folder.is_dir()


def test_a_file_in_the_place_of_a_folder_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    clear(file, pytest.fail)

    assert not file.exists()


def test_what_only_somebody_else_can_delete_is_put_aside(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "rmtree", refuse)
    said: list[str] = []

    clear(folder, said.append)

    assert not folder.exists()
    (aside,) = folder.parent.iterdir()
    assert aside.name in said[0]
    assert (aside / "inside").is_dir()


def test_a_place_where_nothing_can_be_done_is_told_with_the_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "rmtree", refuse)
    monkeypatch.setattr(Path, "rename", refuse)

    with pytest.raises(NotOurs, match="sudo chown"):
        clear(folder, pytest.fail)


def test_a_folder_that_we_cannot_write_into_makes_room_for_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "writable", lambda _: False)
    said: list[str] = []

    make_room(folder, said.append)

    assert folder.is_dir()
    assert not (folder / "inside").exists()
    assert len(said) == 1


def test_our_own_folder_stays_as_it_is(folder: Path) -> None:
    make_room(folder, pytest.fail)
    make_room(folder / "new", pytest.fail)

    assert (folder / "inside").is_dir()
    assert (folder / "new").is_dir()
