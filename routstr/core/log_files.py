"""Daily log files: ``app_YYYY-MM-DD.log`` in one folder, the old ones removed."""

import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Final, final

_NAME: Final = re.compile(r"app_(\d{4}-\d{2}-\d{2})\.log")
_MODE: Final = 0o640


@final
class DailyFile:
    """Appends to the file of the day. Not for use by two threads; several processes may share it.

    A process appends whole lines in one write, so lines of two processes do not mix.
    """

    __slots__ = ("_day", "_days", "_descriptor", "_folder")

    def __init__(self, folder: Path, days: int) -> None:
        """Keep the files of ``days`` days, today's included."""
        self._folder = folder
        self._days = days
        self._day: date | None = None
        self._descriptor: int | None = None

    def path(self, day: date) -> Path:
        """The file of a day."""
        return self._folder / f"app_{day.isoformat()}.log"

    def open(self, day: date) -> None:
        """Turn to the file of this day and remove those that are too old; raises ``OSError``."""
        if day == self._day:
            return
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._descriptor = os.open(self.path(day), flags, _MODE)
        self._day = day
        self._remove_before(day - timedelta(days=self._days - 1))

    def write(self, lines: bytes) -> None:
        """Append complete lines to the open file; raises ``OSError`` (disk full, file lost)."""
        assert self._descriptor is not None, "opened first"
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def close(self) -> None:
        """Close the file, if one is open."""
        descriptor, self._descriptor, self._day = self._descriptor, None, None
        if descriptor is not None:
            os.close(descriptor)

    def _remove_before(self, oldest: date) -> None:
        for file in self._folder.iterdir():
            if (match := _NAME.fullmatch(file.name)) and match[1] < oldest.isoformat():
                file.unlink(missing_ok=True)
