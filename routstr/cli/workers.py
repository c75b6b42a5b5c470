"""``routstr serve --workers N``: several processes of the node at one address.

The supervisor imports the node, opens the sockets, forks, and starts again what has died. It knows
nothing of money or HTTP: each worker is a whole node, an instance of its own on the database.

Each worker has its own listening socket (SO_REUSEPORT), so that the system deals connections out
evenly; behind one shared socket, whoever wakes first takes all that wait. The supervisor keeps the
sockets open: what comes for a worker that has just died waits for its successor.
"""

import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, NamedTuple

from routstr.cli.crew import Crew, Fate
from routstr.core.log_files import DailyFile
from routstr.core.log_writer import Console, LogLine, iso_time
from routstr.core.log_writer import as_json as in_bytes
from routstr.core.redaction import LogValue
from routstr.core.settings import Settings

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_BACKLOG: Final = 2_048


class Seat(NamedTuple):
    """What a worker is given: who it is, where it listens, and a pipe that ends when it is to stop.

    ``restarts`` says how often its place was taken again.
    """

    number: int
    sockets: Sequence[socket.socket]
    pipe: int
    restarts: int = 0


Serve = Callable[[Seat], bool]
"""Serves until told to stop; false when the start failed."""


class Doors:
    """The listening sockets of every place, all at one address. Raises OSError."""

    def __init__(self, host: str, port: int, places: int) -> None:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        self._addresses = [(family, address) for family, *_, address in found]
        self._open: Final[dict[int, list[socket.socket]]] = {}
        for number, (family, address) in enumerate(self._addresses):
            # somebody else's server would else share its address with us, unnoticed
            with _bound(family, (address[0], port, *address[2:]), shared=False) as probe:
                port = probe.getsockname()[1]
            self._addresses[number] = (family, (address[0], port, *address[2:]))
        self.port: Final = port
        for place in range(1, places + 1):
            self.at(place)

    def at(self, place: int) -> list[socket.socket]:
        """Those of one place, opened when they are not."""
        if place not in self._open:
            self._open[place] = [
                _bound(family, address, shared=True) for family, address in self._addresses
            ]
        return self._open[place]

    def close(self, *places: int) -> None:
        """Close the supervisor's own, of these places or all."""
        for place in places or tuple(self._open):
            for one in self._open.pop(place, ()):
                one.close()

    def leave_to(self, place: int) -> list[socket.socket]:
        """In a worker: its own; the others' are closed here."""
        own = self.at(place)
        self.close(*(other for other in tuple(self._open) if other != place))
        return own


def _bound(family: int, address: tuple[object, ...], *, shared: bool) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.settimeout(0)
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one


class Journal:
    """The supervisor's few log lines, written at once: a process that forks has no threads."""

    def __init__(self, settings: Settings) -> None:
        self._file = DailyFile(settings.log_dir, settings.log_days)
        text = settings.console_log_format == "text"
        self._console = Console(sys.stdout, text=text)
        self._shown = settings.enable_console_logging

    def tell(self, event: str, level: str = "info", **fields: LogValue) -> None:
        """Write a line."""
        now = datetime.now(UTC)
        head = {"timestamp": iso_time(int(now.timestamp() * 1_000)), "level": level}
        line: LogLine = {**head, "event": event, "logger": __name__, **fields}
        try:
            self._file.open(now.date())
            self._file.write(in_bytes([line]))
        except OSError:
            self._shown = True
        if self._shown:
            with suppress(OSError, ValueError):
                self._console.write([line])


class Supervisor:
    """Starts the workers, waits for signals, and ends with them."""

    def __init__(self, doors: Doors, serve: Serve, places: int, journal: Journal) -> None:
        self._doors: Final = doors
        self._serve: Final = serve
        self._journal: Final = journal
        self._crew: Final = Crew(places, self._fork)
        self._alive, held = os.pipe()
        self._held: int | None = held
        self._wake, self._woken = os.pipe()
        for end in (self._wake, self._woken):
            os.set_blocking(end, False)

    def run(self) -> int:
        """Work until told to stop; returns the exit code."""
        before = {one: signal.signal(one, lambda *_: None) for one in _SIGNALS}
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        try:
            while not self._crew.over:
                pause = self._crew.tend(time.monotonic())
                select.select([self._wake], [], [], pause)
                with suppress(BlockingIOError):
                    for one in os.read(self._wake, 4_096):
                        self._heard(signal.Signals(one))
        finally:
            signal.set_wakeup_fd(-1)
            for one, handler in before.items():
                signal.signal(one, handler)
            for end in (self._alive, self._wake, self._woken):
                os.close(end)
            self._let_go()
        self._journal.tell("workers_stopped", failed=self._crew.failed)
        return int(self._crew.failed)

    def _heard(self, number: signal.Signals) -> None:
        if number is signal.SIGCHLD:
            self._collect()
            return
        self._stop(number)

    def _stop(self, number: signal.Signals) -> None:
        self._doors.close()
        self._let_go()  # a worker that starts just now hears no signal yet
        for pid in self._crew.stop():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _collect(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended[0], os.waitstatus_to_exitcode(ended[1])
                fate = self._crew.ended(pid, status, time.monotonic())
                if fate is not None:
                    self._tell(fate, status)

    def _tell(self, fate: Fate, status: int) -> None:
        if fate.pause is None:
            if fate.hopeless:
                self._journal.tell("worker_cannot_start", "error", worker=fate.place)
                self._stop(signal.SIGTERM)
            return
        if fate.pause:
            self._doors.close(fate.place)  # nobody shall wait for it: others are there
        self._journal.tell(
            "worker_died", "error", worker=fate.place, status=status, restarts=fate.restarts,
            pause_seconds=fate.pause,
        )  # fmt: skip

    def _fork(self, place: int, restarts: int) -> int:
        sockets = self._doors.at(place)
        for one in sockets:
            one.listen(_BACKLOG)
        sys.stdout.flush()
        sys.stderr.flush()
        if pid := os.fork():
            self._journal.tell("worker_started", worker=place, pid=pid, restarts=restarts)
            return pid
        code = 1
        try:
            code = self._work(place, restarts)
        finally:  # a worker must not come back from here
            if sys.exc_info()[0] is not None:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _work(self, place: int, restarts: int) -> int:
        """In the worker. Ctrl-C at a terminal is for the supervisor, which passes it on."""
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._let_go()
        os.close(self._wake)
        os.close(self._woken)
        sockets = self._doors.leave_to(place)
        return 0 if self._serve(Seat(place, sockets, self._alive, restarts)) else 1
