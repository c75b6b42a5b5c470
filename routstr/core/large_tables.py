"""Tables that a library makes once and never changes, laid into a file.

What a file holds, the kernel can drop and read again: of tables that are mapped from one, only
those parts are resident that somebody looks at. Content and addresses stay as they are.

A table is known by its size: the GNU C library takes an area of its own from the system for each
large piece of memory, and says so in the word before it. Areas that are new after one call, in a
process that had no other thread meanwhile, were made by this call.
"""

import ctypes
import mmap
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeVar

_STATUS: Final = Path("/proc/self/status")
_MAPS: Final = Path("/proc/self/maps")
_ALONE: Final = re.compile(r"^Threads:\s+1$", re.MULTILINE)
_ANONYMOUS: Final = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0 *(?:\[anon:[^\]]*\])?$", re.MULTILINE
)
_FOLDERS: Final = ("/var/tmp", None)  # noqa: S108 - on the disk by custom, where /tmp often is not
_FIXED: Final = 0x10  # MAP_FIXED
_FLAGS: Final = 7  # the lowest bits of a piece's size
_OF_ITS_OWN: Final = 2  # of them, the one that says: an area of its own
_WORD: Final = ctypes.sizeof(ctypes.c_size_t)

_T = TypeVar("_T")


class Area(NamedTuple):
    """A piece of this process's memory."""

    start: int
    size: int


def made_by(call: Callable[[], _T]) -> tuple[_T, list[Area]]:
    """Call, and tell which large pieces of memory it left behind; none where that is unknown."""
    if not _told():
        return call(), []
    before = _anonymous()
    made = call()
    return made, _pieces(_new(_anonymous(), before)) if _told() else []


def lay_into_file(areas: list[Area]) -> int:
    """Let a file hold what these areas hold; bytes that are the file's now.

    To be called when nobody changes them any more. The file has no name and ends with the process.
    What has changed while it was written, and all of it where there is no room, stays as it was.
    """
    for folder in _FOLDERS:
        try:
            with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
                return sum(area.size for area in areas if _laid(area, file))
        except OSError:  # not allowed to write, or full
            continue
    return 0


def _told() -> bool:
    """Whether this is a process of one thread, on a system where areas can be known."""
    if sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        return False
    return _ALONE.search(_STATUS.read_text()) is not None


def _anonymous() -> list[Area]:
    found = _ANONYMOUS.findall(_MAPS.read_text())
    return [Area(int(start, 16), int(end, 16) - int(start, 16)) for start, end in found]


def _new(now: list[Area], before: list[Area]) -> list[Area]:
    """The parts of ``now`` that were in none of ``before``; both in order, as the kernel tells."""
    found = []
    for start, size in now:
        at, end = start, start + size
        for old, length in before:
            if old >= end or old + length <= at:
                continue
            if old > at:
                found.append(Area(at, old - at))
            at = old + length
        if at < end:
            found.append(Area(at, end - at))
    return found


def _pieces(areas: list[Area]) -> list[Area]:
    """The pieces that the C library has taken from the system one by one."""
    found = []
    for start, size in areas:
        at, end = start, start + size
        while at < end:
            before = ctypes.c_size_t.from_address(at).value
            word = ctypes.c_size_t.from_address(at + _WORD).value
            length = word & ~_FLAGS
            whole = length and length % mmap.PAGESIZE == 0 and at + length <= end
            if before == 0 and word & _FLAGS == _OF_ITS_OWN and whole:
                found.append(Area(at, length))
                at += length
            else:
                at += mmap.PAGESIZE
    return found


def _laid(area: Area, file: BinaryIO) -> bool:
    """Write an area to the file's end and let the file take its place. Raises OSError."""
    place = file.seek(0, os.SEEK_END)
    file.write((ctypes.c_char * area.size).from_address(area.start))
    os.fdatasync(file.fileno())  # what the disk did not take is told now, not when it is needed
    library = ctypes.CDLL(None, use_errno=True)
    written = _mapped(library, Area(0, area.size), file, place, 0)
    size = ctypes.c_size_t(area.size)
    same: int = library.memcmp(ctypes.c_void_p(area.start), ctypes.c_void_p(written), size)
    library.munmap(ctypes.c_void_p(written), size)
    if same == 0:
        _mapped(library, area, file, place, _FIXED)
    return same == 0


def _mapped(library: ctypes.CDLL, area: Area, file: BinaryIO, place: int, how: int) -> int:
    """Map a part of the file; who writes there after all gets pages of his own."""
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
    kept, flags = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | how
    at: int = library.mmap(area.start, area.size, kept, flags, file.fileno(), place)
    if at == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "the file cannot be mapped")
    return at
