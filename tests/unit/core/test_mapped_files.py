import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from routstr.core.mapped_files import (
    _DATA_AND_CODE,
    _blocks,
    give_back,
    give_back_the_start,
)

_PAGES = 64
_CHANGED = """\
7f0000000000-7f0000010000 r--p 00000000 fe:00 12 /lib/tables.so
Rss:                  64 kB
Anonymous:             4 kB
7f0000010000-7f0000020000 r-xp 00010000 fe:00 12 /lib/tables.so
Rss:                  64 kB
Anonymous:             0 kB
7f0000020000-7f0000030000 r--p 00000000 fe:00 13 /lib/other.so
Rss:                  64 kB
Anonymous:             0 kB
"""
_NO_FILE = """\
7fff00000000-7fff00010000 r-xp 00000000 00:00 0 [vdso]
Rss:                   4 kB
Anonymous:             0 kB
7fff00010000-7fff00020000 r--p 00000000 00:00 0
Rss:                   4 kB
Anonymous:             0 kB
7fff00020000-7fff00030000 r--s 00000000 fe:00 14 /shared
Rss:                   4 kB
Anonymous:             0 kB
"""


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells")
def test_what_a_file_says_is_dropped_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "tables"
    file.write_bytes(os.urandom(_PAGES * mmap.PAGESIZE))
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        assert mapped[:] == file.read_bytes()  # reads every page

        assert give_back(file) == _PAGES * mmap.PAGESIZE
        assert give_back(file) == 0
        assert mapped[:] == file.read_bytes()


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells")
def test_what_only_a_start_needed_is_dropped_of_every_file_and_read_again(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    for file in files:
        file.write_bytes(os.urandom(_PAGES * mmap.PAGESIZE))
    with files[0].open("rb") as one, files[1].open("rb") as two:
        maps = [
            mmap.mmap(opened.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
            for opened in (one, two)
        ]
        assert [mapped[:] for mapped in maps] == [file.read_bytes() for file in files]

        assert give_back_the_start() >= 2 * _PAGES * mmap.PAGESIZE
        assert [give_back(file) for file in files] == [0, 0]
        assert [mapped[:] for mapped in maps] == [file.read_bytes() for file in files]


def test_code_goes_with_the_start_and_what_is_no_file_stays() -> None:
    assert _blocks(_CHANGED + _NO_FILE, None, _DATA_AND_CODE) == [
        (0x7F0000010000, 0x7F0000020000, 64 * 1024),
        (0x7F0000020000, 0x7F0000030000, 64 * 1024),
    ]


def test_what_was_changed_is_run_or_is_of_another_file_stays() -> None:
    assert _blocks(_CHANGED, "/lib/tables.so") == []
    assert _blocks(_CHANGED, "/lib/other.so") == [(0x7F0000020000, 0x7F0000030000, 64 * 1024)]


def test_a_file_that_nobody_maps_is_no_trouble(tmp_path: Path) -> None:
    assert give_back(tmp_path / "nothing") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="asks the C library of Linux")
def test_threads_share_two_heaps_where_the_c_library_can_do_that() -> None:
    """As a node does it; told by the C library itself, in a process of its own."""
    code = (
        "import ctypes, threading\n"
        "from routstr.core.mapped_files import share_free_memory\n"
        "libc = ctypes.CDLL(None)\n"
        "assert share_free_memory() == hasattr(libc, 'mallopt')\n"
        "go = threading.Barrier(9)\n"
        "def work():\n"
        "    libc.malloc(100_000)\n"
        "    go.wait()\n"
        "for _ in range(8): threading.Thread(target=work).start()\n"
        "go.wait()\n"
        "hasattr(libc, 'malloc_stats') and libc.malloc_stats()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.count("Arena ") <= 2


@pytest.mark.skipif(sys.platform != "linux", reason="asks the C library of Linux")
def test_what_is_free_goes_back_to_the_system_even_between_what_is_not() -> None:
    code = (
        "import ctypes, gc, re\n"
        "from pathlib import Path\n"
        "from routstr.core.mapped_files import give_back_what_is_free\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.malloc.restype = ctypes.c_void_p\n"
        "def resident():\n"
        "    return int(Path('/proc/self/statm').read_text().split()[1]) * 4096\n"
        "class Loop: pass\n"
        "gc.disable()\n"
        "one = Loop(); one.self = one; one.data = bytearray(10_000); del one\n"
        "pieces = [libc.malloc(50_000) for _ in range(400)]\n"
        "for at in pieces: ctypes.memset(at, 1, 50_000)\n"
        "for at in pieces[::2]: libc.free(ctypes.c_void_p(at))\n"
        "before = resident()\n"
        "if give_back_what_is_free():\n"
        "    assert before - resident() > 5_000_000\n"
        "else:\n"
        "    assert not hasattr(libc, 'malloc_trim')\n"
        "assert not any(type(one) is Loop for one in gc.get_objects())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
