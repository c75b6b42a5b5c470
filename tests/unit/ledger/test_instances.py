"""What is known of a process of this machine."""

import os
from pathlib import Path

import pytest

from routstr.ledger import instances


def test_this_process_lives() -> None:
    assert not instances._is_dead(instances._name(os.getpid()))


def test_a_process_that_is_hidden_from_us_may_live(monkeypatch: pytest.MonkeyPatch) -> None:
    name = instances._name(os.getpid())
    monkeypatch.setattr(instances, "_started", lambda _pid: None)  # as /proc with hidepid
    assert not instances._is_dead(name)


def test_a_process_of_another_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert instances._exists(1)


def test_a_process_id_beyond_all_is_gone() -> None:
    assert not instances._exists(2**22 + 1)
    assert instances._started(2**22 + 1) is None


def test_where_processes_cannot_be_told_apart_none_is_dead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(instances, "_BOOT_ID", tmp_path / "missing")
    assert instances._realm() == ""
    assert not instances._is_dead(instances._name(2**22 + 1))
