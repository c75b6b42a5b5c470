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
from dataclasses import dataclass
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


class Child:
    """A running program. ``limit_s`` is what it may take in all, ``grace_s`` what to end itself.

    It works in ``cwd``.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        *,
        limit_s: float,
        grace_s: float = GRACE_S,
        cwd: Path = ROOT,
    ) -> None:
        self.log = log
        self.limit_s = limit_s
        self.status: int | None = None
        self.timed_out = False
        self._grace_s = grace_s
        self._asked = False
        self._started = time.monotonic()
        leash = (sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()))
        kill = str(int(signal.SIGKILL))
        with log.open("ab") as output:
            self._read = output.tell()
            self._process = subprocess.Popen(
                [*leash, kill, "-", "--", *command],
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._started

    def poll(self) -> int | None:
        """Exit status once it has ended (negative: by that signal), after its whole group has."""
        if self.status is None:
            if self._ended():
                self._collect()
            elif self.seconds > self.limit_s:
                self.timed_out = True
                self.stop()
        return self.status

    def ask_to_end(self) -> None:
        """Tell the whole group that it should end, without waiting."""
        if self.status is None and not self._asked:
            self._asked = True  # once: a second time it would end without tidying up
            self._signal(signal.SIGINT)

    def stop(self) -> None:
        """Ask the group to end, wait, insist."""
        self.ask_to_end()
        deadline = time.monotonic() + self._grace_s
        while self.status is None and not self._ended() and time.monotonic() < deadline:
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
        if self.status is None:
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
