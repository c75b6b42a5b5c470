"""Brings node processes into the world quickly: imports the node once and forks for each.

Nine tenths of a node's start are imports. ``python -m tests.crash.nursery SOCKET`` makes them and
then waits on a Unix socket. Whoever connects sends one line of JSON (:class:`Order`) and is told
the new process's id, and its exit status when it has ended. The process then runs the very program
that it would have been, from its first line on; it ends with this one.
"""

import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn.protocols.http.httptools_impl  # noqa: F401 - what uvicorn would import at its start
import uvloop  # noqa: F401

from devkit.leash import PR_SET_PDEATHSIG
from routstr import cli
from routstr.cli import server, verification  # noqa: F401 - what its commands would import
from routstr.payment.tokens import load_vocabulary
from tests.crash import node

_LINE_MAX: Final = 1 << 20
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Order:
    """What the new process is: ``routstr ARGUMENTS``, or the node that can be ordered to die."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    log: str
    armed: bool = False

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


class Nursery:
    """One process of Python, no threads, so that a fork of it is sound."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._children: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, waker = socket.socketpair()
        self._woken.setblocking(False)
        waker.setblocking(False)
        self._waker = waker
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Fork until a signal ends this process."""
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._reap)
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        with connection.makefile("rb") as lines:
            order = Order(**json.loads(lines.readline(_LINE_MAX)))
        assert threading.active_count() == 1, "a fork copies one thread only"
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            become(order, parent)
        self._children[pid] = connection
        tell(connection, {"pid": pid})

    def _reap(self) -> None:
        self._woken.recv(4_096)
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            connection = self._children.pop(pid)
            tell(connection, {"status": os.waitstatus_to_exitcode(status)})
            connection.close()


def tell(connection: socket.socket, message: dict[str, Any]) -> None:
    """Say something to whoever ordered a process, unless they have left."""
    try:
        connection.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        return


def become(order: Order, parent: int) -> None:
    """Be the process that was ordered; never returns."""
    status = 1
    try:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _redirect(order.log)
        os.chdir(order.folder)
        os.environ.clear()  # noqa: TID251 - a process of its own begins
        os.environ.update(order.environment)  # noqa: TID251
        sys.argv = ["routstr", *order.arguments]
        status = _exit_status(lambda: node.main(order.arguments) if order.armed else cli.main())
    except BaseException:  # noqa: BLE001 - the last handler of a process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _redirect(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for target, source in ((0, nothing), (1, file), (2, file)):
        os.dup2(source, target)
    os.closerange(3, 4_096)  # the nursery's sockets, and the two above


def _exit_status(program: Callable[[], int | None]) -> int:
    try:
        return program() or 0
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)


def main(path: Path) -> None:
    load_vocabulary()
    gc.collect()
    gc.freeze()
    Nursery(path).serve()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
