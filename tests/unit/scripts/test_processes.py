import os
import signal
import time
from pathlib import Path

import pytest

from scripts.processes import (
    Child,
    Interrupted,
    Interrupts,
    last_lines,
    postponed_interrupts,
    wait,
)


def shell(script: str, log: Path, *, limit_s: float = 20.0, grace_s: float = 5.0) -> Child:
    surroundings = {"PATH": os.defpath}
    return Child(["/bin/sh", "-c", script], log, surroundings, limit_s=limit_s, grace_s=grace_s)


def ended(pid: int) -> bool:
    """Whether the process is gone, or at most a corpse that its new parent has not seen yet."""
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def first_line(log: Path) -> str:
    for _ in range(500):
        if "\n" in (text := log.read_text()):
            return text.splitlines()[0]
        time.sleep(0.02)
    raise AssertionError(f"nothing was written to {log}")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_the_exit_status_and_the_output_are_told(log: Path) -> None:
    seen: list[str] = []

    child = shell("echo one; echo two >&2; exit 7", log)
    status = wait(child, Interrupts(), lambda running: seen.append(running.new_output()))

    assert status == 7
    assert "".join(seen).split() == ["one", "two"]


def test_only_the_given_environment_is_there(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///somebody-elses.db")

    wait(shell("echo ${DATABASE_URL-none}", log), Interrupts(), lambda _: None)

    assert first_line(log) == "none"


def test_a_child_over_its_limit_is_ended_with_all_that_it_started(log: Path) -> None:
    child = shell("sleep 60 & echo $!; sleep 60", log, limit_s=0.3)

    wait(child, Interrupts(), lambda _: None)

    assert child.timed_out
    assert child.status != 0
    assert ended(int(first_line(log)))


def test_a_child_that_ends_leaves_nothing_behind(log: Path) -> None:
    wait(shell("sleep 60 & echo $!", log), Interrupts(), lambda _: None)

    assert ended(int(first_line(log)))


def test_a_child_that_does_not_listen_is_killed(log: Path) -> None:
    child = shell("trap '' INT; echo ready; sleep 60; sleep 60", log, grace_s=0.1)
    first_line(log)

    child.stop()

    assert child.status == -signal.SIGKILL


def test_a_child_may_tidy_up_when_it_is_stopped(log: Path) -> None:
    child = shell("trap 'echo tidied; exit 3' INT; echo ready; while :; do sleep 0.05; done", log)
    first_line(log)

    child.stop()

    assert child.status == 3
    assert "tidied" in log.read_text()


def test_an_interrupt_ends_the_child_before_it_is_raised(log: Path) -> None:
    child = shell("echo $$; exec sleep 60", log)
    pid = int(first_line(log))

    with pytest.raises(Interrupted) as raised:
        wait(child, Interrupts(received=signal.SIGTERM), lambda _: None)

    assert raised.value.exit_status == 128 + signal.SIGTERM
    assert ended(pid)


def test_a_failing_watcher_leaves_no_child(log: Path) -> None:
    child = shell("echo $$; exec sleep 60", log)
    pid = int(first_line(log))

    def fail(_: Child) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        wait(child, Interrupts(), fail)

    assert ended(pid)


def test_a_signal_waits_until_it_is_asked_for() -> None:
    before = signal.getsignal(signal.SIGINT)

    with postponed_interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted):
            interrupts.check()

    assert signal.getsignal(signal.SIGINT) is before


def test_the_last_lines_of_a_log_are_shown(log: Path) -> None:
    log.write_text("\n".join(map(str, range(100))))

    assert last_lines(log, 2) == "    | 98\n    | 99"
