"""Folders that may be half made, moved, or somebody else's."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from scripts.bootstrap import stamp
from scripts.places import ROOT


class NotOurs(Exception):
    """Neither the folder nor its place can be written; the message says what to do."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} belongs to somebody else. Work in a clone of your own, or make this one "
            f'yours: sudo chown -R "$(id -un)" "{ROOT}"'
        )


def writable(folder: Path) -> bool:
    """Whether we may add and remove entries."""
    return os.access(folder, os.W_OK | os.X_OK)


def make_room(folder: Path, say: Callable[[str], None]) -> None:
    """Make ``folder`` one that we can write into; raises NotOurs."""
    try:
        folder.mkdir(exist_ok=True)
        if not writable(folder):
            _put_aside(folder, say)
            folder.mkdir()
    except OSError as error:
        raise NotOurs(folder) from error


def clear(folder: Path, say: Callable[[str], None]) -> None:
    """Make sure that nothing is there; raises NotOurs."""
    try:
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
            return
        with suppress(OSError):
            stamp.remove(folder)  # first: it is unfinished from here on
            shutil.rmtree(folder)
        if folder.exists():
            _put_aside(folder, say)
    except OSError as error:
        raise NotOurs(folder) from error


def _put_aside(folder: Path, say: Callable[[str], None]) -> None:
    """Rename it: that works where only its owner can delete what is inside."""
    aside = folder.with_name(f"{folder.name}.aside-{time.time_ns()}")
    folder.rename(aside)
    say(f"  {folder.name} belongs to somebody else; it was put aside as {aside.name}")
