"""What processes cost: processor time and memory, read from Linux's ``/proc``.

A target is a process and what it started: PostgreSQL works in a process for each connection.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_RESIDENT: Final = re.compile(r"^VmRSS:\s+(\d+) kB$", re.MULTILINE)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time that these processes, and those they have started, have used so far.

    What a process has used that ended and was waited for is in its parent's sum.
    """
    return sum(_ticks(_fields(pid)) for pid in family(pids)) / _TICKS


def resident_mb(pids: Iterable[int]) -> float:
    """Resident memory of these processes and those they have started, in MB of 1,000,000 bytes.

    Pages that several processes share are counted for each of them.
    """
    return sum(map(_resident_kb, family(pids))) * 1_024 / 1e6


def family(pids: Iterable[int]) -> set[int]:
    """The processes, and all that descend from them."""
    parents = {pid: _parent(_fields(pid)) for pid in _running()}
    found, fresh = set[int](), set(pids)
    while fresh:
        found |= fresh
        fresh = {pid for pid, parent in parents.items() if parent in found} - found
    return found


def stat_fields(text: str) -> list[str]:
    """The fields of ``/proc/PID/stat`` after the name (see proc(5)); state is the first one."""
    return text.rpartition(")")[2].split()


def _running() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _fields(pid: int) -> list[str]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return stat_fields((_PROC / str(pid) / "stat").read_text())
    return []


def _parent(fields: list[str]) -> int:
    return int(fields[1]) if fields else 0


def _ticks(fields: list[str]) -> int:
    """User and system time, of children that were waited for, too."""
    return sum(map(int, fields[11:15]))


def _resident_kb(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        found = _RESIDENT.search((_PROC / str(pid) / "status").read_text())
        return int(found[1]) if found else 0
    return 0
