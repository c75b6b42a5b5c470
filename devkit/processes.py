"""Child processes: started clean, waited for with a limit, never left behind.

Each child leads a process group of its own (Ctrl-C reaches only the parent, which then stops its
children in order), writes to a log file, and is tied to its parent by the kernel: however the
parent ends, SIGKILL included, the child is signalled.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from devkit import leash
from devkit.environment import clean_environment
from devkit.forked import Forked
from devkit.nursery import Order
from devkit.ports import listening_ports
from devkit.probe import Answer, get

_POLL_S: Final = 0.05
_TAIL_LINES: Final = 15


class ServiceFailed(Exception):
    """A service did not come up or went away: says which, why, its last words and what to do."""

    def __init__(self, name: str, reason: str, *, tail: str = "", remedy: str = "") -> None:
        lines = [f"{name} {reason}."]
        if tail:
            lines += ["Its last log lines:", *(f"  | {line}" for line in tail.splitlines())]
        if remedy:
            lines += [f"Remedy: {remedy}"]
        super().__init__("\n".join(lines))
        self.name = name
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and how to speak of it.

    ``folder`` is working folder, home and place of the log. ``on_orphaned`` is sent by the kernel
    when the parent is gone; ``remedy`` is one line for the person who sees it fail.
    With ``nursery``, the socket of one, ``python -m MODULE ...`` is forked there and not run.
    Standard error goes into the log as well, or into the file ``errors``.
    """

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    remedy: str = ""
    stop_signal: signal.Signals = signal.SIGTERM
    on_orphaned: signal.Signals = signal.SIGKILL
    user: tuple[int, int] | None = None  # uid and gid to become
    nursery: Path | None = None
    stdin: Path = Path(os.devnull)
    errors: Path | None = None


class Process(Protocol):
    """It keeps its id, and its group's, until it was collected."""

    pid: int
    status: int | None  # once it was collected; negative: the signal

    def ended(self) -> bool: ...

    def collect(self) -> int: ...


class Child:
    """A running :class:`Program`. Start it from the main thread only."""

    def __init__(self, program: Program) -> None:
        # the kernel's "parent died" means the thread that forked
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start child processes from the main thread: they end with it")
        executable = Path(program.command[0])
        if not executable.exists():
            raise ServiceFailed(
                program.name, f"is not installed ({executable})", remedy=program.remedy
            )
        program.folder.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.log = program.folder / f"{program.name.replace(' ', '-')}.log"
        self.log.touch()  # for whoever reads it before the child has written
        self._process = _start(program, self.log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended. Leaves the exit status to be collected."""
        return self._process.status is None and not self._process.ended()

    @property
    def exit_status(self) -> int | None:
        """Exit status once it was stopped or killed (negative: the signal), else None."""
        return self._process.status

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """The last lines of its log."""
        text = self.log.read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def failed(self, reason: str) -> ServiceFailed:
        """The error that tells what became of it."""
        return ServiceFailed(
            self.program.name, reason, tail=self.tail(), remedy=self.program.remedy
        )

    async def wait_for(self, ready: Callable[[], Awaitable[bool]], *, limit_s: float) -> None:
        """Ask ``ready`` until it says yes; a child that ends or takes too long is an error."""
        try:
            async with asyncio.timeout(limit_s):
                while not await ready():
                    if not self.running:
                        raise self.failed(f"ended while starting (exit status {self.kill()})")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            self.kill()
            raise self.failed(f"was not done within {limit_s:g} s") from None
        except asyncio.CancelledError:  # Ctrl-C while starting
            self.kill()
            raise

    async def wait_for_port(self, *, limit_s: float) -> int:
        """The port on which it listens, once it does."""

        async def listening() -> bool:
            return bool(listening_ports(self.pid))

        await self.wait_for(listening, limit_s=limit_s)
        return min(listening_ports(self.pid))

    async def wait_for_answer(
        self, port: int, path: str, *, accept: Callable[[Answer], bool], limit_s: float
    ) -> None:
        """Wait until ``GET path`` is answered acceptably; the last refusal is told on failure."""
        last: Answer | None = None

        async def answering() -> bool:
            nonlocal last
            answer = await get(port, path)
            last = answer or last
            return answer is not None and accept(answer)

        try:
            await self.wait_for(answering, limit_s=limit_s)
        except ServiceFailed as failure:
            if last is None:
                raise
            told = f"{failure.reason}; GET {path} last answered {last.status}: {last.body[:500]}"
            raise self.failed(told) from None

    async def wait(self, *, limit_s: float) -> int:
        """Wait until it ends by itself; returns the exit status."""

        async def ended() -> bool:
            return not self.running

        await self.wait_for(ended, limit_s=limit_s)
        return self.kill()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to all that it started; nothing happens when it has ended."""
        if self._process.status is None:  # not collected yet, so the group is still ours
            os.killpg(self.pid, number)

    async def stop(self, *, grace_s: float = 10.0) -> int:
        """Ask it to end, wait, insist. Returns the exit status (negative: the signal)."""
        if self.running:
            os.kill(self.pid, self.program.stop_signal)
        try:
            async with asyncio.timeout(grace_s):
                while self.running:  # noqa: ASYNC110 - the end of a process is no event here
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            pass  # it had its chance
        finally:
            status = self.kill()
        return status

    def kill(self) -> int:
        """End it and all that it started, at once. Returns the exit status."""
        self.signal(signal.SIGKILL)
        return self._process.collect()


class _Spawned:
    """A :class:`Process` of the operating system's usual way."""

    def __init__(self, program: Program, environment: Mapping[str, str], log: Path) -> None:
        errors = program.errors or log
        with program.stdin.open("rb") as given, log.open("ab") as out, errors.open("ab") as err:
            self._popen = subprocess.Popen(
                _leashed(program),
                cwd=program.folder,
                env=dict(environment),
                stdin=given,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.pid = self._popen.pid
        self.status: int | None = None

    def ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def collect(self) -> int:
        self.status = self._popen.wait()
        return self.status


def _start(program: Program, log: Path) -> Process:
    environment = clean_environment(program.folder, program.environment)
    if program.nursery is None:
        return _Spawned(program, environment, log)
    _, flag, module, *arguments = program.command
    assert flag == "-m", "a nursery forks modules"
    order = Order(
        module,
        arguments,
        environment,
        str(program.folder),
        log=str(log.absolute()),
        stdin=str(program.stdin.absolute()),
        errors=str(program.errors.absolute()) if program.errors else "",
    )
    return Forked(program.nursery, order)


def _leashed(program: Program) -> list[str]:
    user = "-" if program.user is None else "{}:{}".format(*program.user)
    return [
        *(sys.executable, "-I", "-S", leash.__file__),
        *(str(os.getpid()), str(int(program.on_orphaned)), user, "--"),
        *program.command,
    ]
