"""In processes of their own: only one without other threads knows which memory a call has taken."""

import ctypes
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from routstr.core import large_tables
from routstr.core.large_tables import Area, lay_into_file, made_by

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"),
    reason="reads the GNU C library's own notes",
)

_HEAD = """\
import ctypes, os, re
from pathlib import Path
from routstr.core import large_tables
from routstr.core.large_tables import Area, lay_into_file, made_by

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
SIZE = 1_500_000
DATA = os.urandom(SIZE)

def take():
    at = libc.malloc(SIZE)
    ctypes.memmove(at, DATA, SIZE)
    return at

def own(areas):
    # kB of these areas that no file holds
    found = 0
    for part in re.split(r"\\n(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text()):
        start, end = (int(one, 16) for one in part.split(" ", 1)[0].split("-"))
        if any(start < area.start + area.size and area.start < end for area in areas):
            found += int(re.search(r"^Anonymous:\\s+(\\d+)", part, re.M)[1])
    return found

def read(at):
    return ctypes.string_at(at, SIZE)
"""


def _run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HEAD + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_a_call_has_taken_is_the_files_and_reads_and_changes_as_before() -> None:
    _run("""
before = take()
(one, two), areas = made_by(lambda: (take(), take()))
assert [area.size >= SIZE for area in areas] == [True, True]
assert all(any(a.start < at < a.start + a.size for a in areas) for at in (one, two))
assert not any(a.start < before < a.start + a.size for a in areas)
assert own(areas) * 1024 >= 2 * SIZE
assert lay_into_file(areas) == sum(area.size for area in areas)
assert own(areas) == 0
assert [read(at) == DATA for at in (before, one, two)] == [True] * 3
ctypes.memset(one + 10, 7, 20)
assert read(one) == DATA[:10] + b"\\7" * 20 + DATA[30:]
assert 0 < own(areas) < 100
libc.free.argtypes = [ctypes.c_void_p]
for at in (before, one, two):
    libc.free(at)
assert read(take()) == DATA
""")


def test_small_pieces_and_what_others_have_taken_are_left_alone() -> None:
    _run("""
kept, areas = made_by(lambda: [libc.malloc(1_000) for _ in range(10_000)])
assert areas == []
""")


def test_what_changes_while_it_is_written_stays_where_it_is() -> None:
    _run("""
at, areas = made_by(take)
sync = os.fdatasync
def change(file):
    sync(file)
    ctypes.memset(at + 5, DATA[5] ^ 1, 1)
os.fdatasync = change
assert lay_into_file(areas) == 0
assert own(areas) * 1024 >= SIZE
assert read(at) == DATA[:5] + bytes([DATA[5] ^ 1]) + DATA[6:]
""")


def test_the_vocabulary_is_such_a_table_and_counts_as_before() -> None:
    _run("""
from routstr.payment.tokens import count_text, load_vocabulary
_, areas = made_by(load_vocabulary)
assert sum(area.size for area in areas) > 20_000_000
texts = [Path(large_tables.__file__).read_text(), "Über 12 größere \u4f60\u597d Bären " * 99]
counts = [count_text(text) for text in texts]
assert min(counts) > 500
assert lay_into_file(areas) > 20_000_000
assert own(areas) == 0
assert [count_text(text) for text in texts] == counts
""")


def test_beside_other_threads_nothing_is_known() -> None:
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        assert made_by(lambda: bytearray(5_000_000))[1] == []
    finally:
        end.set()
        other.join()


def test_where_nothing_can_be_written_everything_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_tables, "_FOLDERS", (str(tmp_path / "missing"),))
    held = ctypes.create_string_buffer(b"kept", 4096)
    assert lay_into_file([Area(ctypes.addressof(held), 4096)]) == 0
    assert held.value == b"kept"
