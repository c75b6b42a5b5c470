"""Giving memory back that holds nothing but what a file says, too.

A library with large tables is mapped into memory, and what was read of it counts as the process's
until somebody else needs the room. Whoever has copied the tables can give them back at once: read
again they come from the file. The same holds for most of the code that a start runs through.
"""

import ctypes
import gc
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

_SMAPS: Final = Path("/proc/self/smaps")
_HEAD: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ \d+\s+(\S.*)")
_CHANGED: Final = re.compile(r"^Anonymous:\s+[1-9]", re.MULTILINE)
_RESIDENT: Final = re.compile(r"^Rss:\s+(\d+) kB", re.MULTILINE)
_DONT_NEED: Final = 4
_ARENAS_MAX: Final = -8  # M_ARENA_MAX, see mallopt(3)
_HEAPS: Final = 2
_DATA: Final = frozenset({"r--p"})
_DATA_AND_CODE: Final = frozenset({"r--p", "r-xp"})


def share_free_memory() -> bool:
    """Let all threads take memory from two heaps; whether the C library does that.

    GNU's keeps one for each thread, up to eight times the cores, and what one thread has freed no
    other uses: each thread that proves books or reads lists once keeps what it needed for it. To be
    called before there are threads.
    """
    if sys.platform != "linux":
        return False
    setter = getattr(ctypes.CDLL(None), "mallopt", None)
    return setter is not None and bool(setter(_ARENAS_MAX, _HEAPS))


def give_back_what_is_free() -> bool:
    """Free what nothing refers to any more, and let the system have what is free.

    Python's own areas go back by themselves, once they are empty. Whether there was anything.
    """
    gc.collect()
    return trim()


def trim() -> bool:
    """Let the system have what the C library has free: it keeps that, unless it is asked.

    Whether there was anything. Takes milliseconds, in which others may wait for memory.
    """
    if sys.platform != "linux":
        return False
    asked = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return asked is not None and bool(asked(0))


def give_back(file: Path) -> int:
    """Drop the pages of ``file``'s read-only data that nobody changed; bytes that were resident.

    Only on Linux; elsewhere, and where the kernel does not say enough, nothing happens.
    """
    return _drop(str(file), _DATA)


def give_back_the_start() -> int:
    """Drop the unchanged pages of all files, code too: what is used again comes back at once.

    It comes from the kernel's own copy, with some hundred page faults. As :func:`give_back`.
    """
    return _drop(None, _DATA_AND_CODE)


def _drop(file: str | None, kinds: Collection[str]) -> int:
    if sys.platform != "linux" or not _SMAPS.exists():
        return 0
    freed = 0
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for block in _blocks(_SMAPS.read_text(), file, kinds):
        start, end, resident = block
        if advise(start, end - start, _DONT_NEED) == 0:
            freed += resident
    return freed


def _blocks(
    smaps: str, file: str | None, kinds: Collection[str] = _DATA
) -> list[tuple[int, int, int]]:
    """Start, end and resident bytes of the mappings that hold what ``file`` says and no more.

    None: what any file says.
    """
    found = []
    for part in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", smaps):
        head, _, rest = part.partition("\n")
        match = _HEAD.fullmatch(head)
        if match is None or match[3] not in kinds:
            continue
        if match[5] != file and (file is not None or not match[5].startswith("/")):
            continue
        resident = _RESIDENT.search(rest)
        if resident is not None and not _CHANGED.search(rest):
            found.append((int(match[1], 16), int(match[2], 16), int(resident[1]) * 1024))
    return found
