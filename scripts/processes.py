"""Child processes that are waited for with a limit and leave nothing behind.

Each child leads a process group of its own and writes into a log file. Ctrl-C reaches only us;
we ask the whole group to end, wait, and insist. A SIGKILL that hits us ends the child as well
(``devkit/leash.py``).
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from scripts.places import ROOT

POLL_S: Final = 0.05
GRACE_S: Final = 10.0
_LEASH: Final = ROOT / "devkit" / "leash.py"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody wants us to stop. Raised only where it is safe to do so."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


@dataclass(slots=True)
class Interrupts:
    """Remembers a signal until :meth:`check`: none can hit between a fork and its bookkeeping."""

    received: int = 0

    def check(self) -> None:
        if self.received:
            raise Interrupted(self.received)

    def remember(self, number: int, _frame: FrameType | None) -> None:
        self.received = self.received or number


@contextmanager
def postponed_interrupts() -> Iterator[Interrupts]:
    """SIGINT, SIGTERM and SIGHUP wait for :meth:`Interrupts.check` inside the block."""
    interrupts = Interrupts()
    before = {number: signal.signal(number, interrupts.remember) for number in _SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class Child:
    """A running program. ``limit_s`` is the time it may take in all."""

    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    limit_s: float
    folder: Path = ROOT
    status: int | None = None
    timed_out: bool = False
    started: float = field(default_factory=time.monotonic)
    _process: subprocess.Popen[bytes] = field(init=False)
    _read: int = 0

    def __post_init__(self) -> None:
        leash = (sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()))
        kill = str(int(signal.SIGKILL))
        with self.log.open("ab") as log:
            self._read = log.tell()
            self._process = subprocess.Popen(
                [*leash, kill, "-", "--", *self.command],
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started

    def poll(self) -> int | None:
        """Exit status once it has ended (negative: by that signal), after its whole group has."""
        if self.status is None:
            if self._ended():
                self._collect()
            elif self.seconds > self.limit_s:
                self.timed_out = True
                self.stop()
        return self.status

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Ask the group to end, wait, insist."""
        if self.status is not None:
            return
        self._signal(signal.SIGINT)
        deadline = time.monotonic() + grace_s
        while not self._ended() and time.monotonic() < deadline:
            time.sleep(POLL_S)
        self._collect()

    def new_output(self) -> str:
        """What it has written since the last call."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        self._read += len(new)
        return new.decode(errors="replace")

    def _ended(self) -> bool:
        # not collected yet, so that its group cannot become somebody else's
        status = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return status is not None

    def _collect(self) -> None:
        self._signal(signal.SIGKILL)  # whatever is left of the group
        self.status = self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, all ended
            os.killpg(self._process.pid, number)


def wait(child: Child, interrupts: Interrupts, watch: Callable[[Child], None]) -> int:
    """Wait for the end, telling ``watch`` on the way. However this is left, the child has ended."""
    try:
        while (status := child.poll()) is None:
            interrupts.check()
            watch(child)
            time.sleep(POLL_S)
    finally:
        child.stop()
    watch(child)
    return status


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, indented."""
    lines = log.read_text(errors="replace").splitlines()[-count:]
    return "\n".join(f"    | {line}" for line in lines)
