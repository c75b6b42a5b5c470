"""A part of ``make crash-matrix TAKE_OVER=1``: nodes that die and do not come back."""

import subprocess
import sys

import pytest

from tests.crash.troubles import SWAP, Kill, Orphaned

SECONDS = 40


def test_a_line_tells_who_died_where_and_who_went_on() -> None:
    kill = Kill("call", SWAP, 1, "after")
    assert str(Orphaned(kill)) == "dies after call 1 /v1/swap, another node takes over"
    told = str(Orphaned(kill, elsewhere=True, later=True))
    assert told == "dies elsewhere after call 1 /v1/swap, a new node takes over"


@pytest.mark.slow
def test_another_node_ends_what_was_left_within_the_lease_time() -> None:
    operations = ("topup", "refund", "chat-once", "lightning-topup")
    command = ["-m", "tests.crash.matrix", "--take-over", "--fast", str(SECONDS)]
    run = subprocess.run(
        [sys.executable, *command, "--operations", *operations],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "times taken over" in run.stdout
