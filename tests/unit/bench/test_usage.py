"""Processor time and memory of a process and of those that it has started."""

import os
import subprocess
import sys

from bench.usage import cpu_seconds, family, resident_mb, stat_fields

_GONE = 2**22 + 1  # above what Linux gives


def test_a_name_with_blanks_and_parentheses_does_not_shift_the_fields() -> None:
    assert stat_fields("7 (a (b) c) S 3 7 7\n") == ["S", "3", "7", "7"]


def test_a_child_belongs_to_its_parent_but_not_the_other_way_round() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        ours, its = family([os.getpid()]), family([child.pid])
        together = resident_mb([os.getpid(), child.pid])
        child.kill()

    assert {os.getpid(), child.pid} <= ours
    assert its == {child.pid}
    assert together > 1


def test_time_that_was_used_shows() -> None:
    before = cpu_seconds([os.getpid()])
    began = os.times()
    while os.times().user - began.user < 0.05:
        sum(range(10_000))

    assert 0.03 <= cpu_seconds([os.getpid()]) - before < 5


def test_a_process_that_is_gone_has_used_nothing() -> None:
    assert cpu_seconds([_GONE]) == 0
    assert resident_mb([_GONE]) == 0
