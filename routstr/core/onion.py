"""The node's own onion address: the operator's word, or what Tor wrote when it made the service."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from routstr.core.clock import Clock
from routstr.core.settings import Settings

TOR_FOLDER: Final = Path("/var/lib/tor")
"""Where Tor keeps its services, on common systems and in the container files of this project."""
LOOK_SECONDS: Final = 60.0
_USUAL: Final = ("hidden_service", "hs/router", "hs/ROUTER")
_FILE: Final = "hostname"
_FILE_BYTES_MAX: Final = 256
_DEPTH: Final = 3
_FOLDERS_MAX: Final = 100
_ONION: Final = re.compile(r"[a-z2-7]{56}\.onion")


class OnionAddress:
    """Tells the address; files are looked at again after a minute, as Tor may start later."""

    def __init__(self, settings: Settings, clock: Clock, folder: Path = TOR_FOLDER) -> None:
        self._given: Final = settings.onion_url
        self._clock: Final = clock
        self._folder: Final = folder
        self._found = ""
        self._look_at = clock.monotonic()

    def url(self) -> str:
        """``ONION_URL``, else ``http://<address>.onion`` of a service found; empty: none."""
        if self._given:
            return self._given
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._found = find_onion(self._folder)
        return self._found


def find_onion(folder: Path) -> str:
    """The address in the usual files below a folder of Tor's, else the only one there is.

    Empty: none, or several of which any may be another program's. What may not be read is passed
    over.
    """
    for usual in _USUAL:
        if _ONION.fullmatch(name := _read(folder / usual / _FILE)):
            return f"http://{name}"
    found = {name for one in _folders(folder) if _ONION.fullmatch(name := _read(one / _FILE))}
    return f"http://{found.pop()}" if len(found) == 1 else ""


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_FILE_BYTES_MAX).decode("ascii", "replace").strip().lower()
    except OSError:
        return ""


def _folders(top: Path) -> Iterator[Path]:
    """Folders from the top down, by name, so that the answer is the same each time."""
    level, seen = [top], 0
    for _ in range(_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            if seen >= _FOLDERS_MAX:
                return
            seen += 1
            yield folder
            below += _children(folder)
        level = below


def _children(folder: Path) -> list[Path]:
    try:
        found = sorted(one for one in folder.iterdir() if not one.is_symlink() and one.is_dir())
    except OSError:
        return []
    return found[:_FOLDERS_MAX]
