import mmap
import os
from pathlib import Path

import pytest

from routstr.core.mapped_files import _blocks, give_back

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


def test_what_was_changed_is_run_or_is_of_another_file_stays() -> None:
    assert _blocks(_CHANGED, "/lib/tables.so") == []
    assert _blocks(_CHANGED, "/lib/other.so") == [(0x7F0000020000, 0x7F0000030000, 64 * 1024)]


def test_a_file_that_nobody_maps_is_no_trouble(tmp_path: Path) -> None:
    assert give_back(tmp_path / "nothing") == 0
