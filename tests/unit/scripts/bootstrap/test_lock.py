import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from scripts.bootstrap.lock import only_one
from scripts.processes import Interrupted, Interrupts

HOLD: Final = """
import fcntl, os, sys
file = os.open(sys.argv[1], os.O_RDONLY | os.O_CREAT)
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tools" / "lock"


@pytest.fixture
def other(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its standard input ends."""
    path.parent.mkdir()
    pipe = subprocess.PIPE
    command = [sys.executable, "-I", "-S", "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_free_lock_is_taken_and_given_back(path: Path) -> None:
    said: list[str] = []

    for _ in range(2):
        with only_one(path, Interrupts(), said.append):
            assert path.exists()

    assert said == []


def test_the_second_one_says_that_it_waits_and_goes_on_after_the_first(
    path: Path, other: subprocess.Popen[str]
) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        other.kill()  # however it ends, the system frees its lock

    with only_one(path, Interrupts(), say):
        assert len(said) == 1


def test_waiting_can_be_interrupted(path: Path, other: subprocess.Popen[str]) -> None:
    assert other.poll() is None
    with (
        pytest.raises(Interrupted),
        only_one(path, Interrupts(received=signal.SIGINT), lambda _: None),
    ):
        pytest.fail("the lock was held by somebody else")


def test_a_lock_file_of_another_person_can_be_locked_too(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o444)

    with only_one(path, Interrupts(), lambda _: None):
        assert path.stat().st_mode & 0o777 == 0o444
