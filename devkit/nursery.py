"""Brings processes into the world quickly: imports a program once and forks for each.

Nine tenths of a node's start are imports. ``python -m devkit.nursery SOCKET MODULE ...`` waits on
a Unix socket; with the first order it imports the modules. Whoever connects sends one line of JSON
(:class:`Order`) and is told the new process's id, and its exit status when it has ended. The
process runs the very program that it would have been, from its first line on; it leads a process
group of its own, whose number stays its own until the connection is closed, and ends with this one.
"""

import atexit
import ctypes
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from devkit.leash import PR_SET_PDEATHSIG

_LINE_MAX: Final = 1 << 20
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Order:
    """What the new process is: ``python -m MODULE ARGUMENTS``."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    log: str
    stdin: str = os.devnull
    errors: str = ""
    """Where standard error goes when it does not go into the log."""

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


class Nursery:
    """One process of Python, no threads, so that a fork of it is sound."""

    def __init__(self, path: Path, modules: Sequence[str]) -> None:
        self._modules = modules
        self._warm = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unnamed = path.with_name(f"{path.name}~")
        self._listener.bind(str(unnamed))
        self._listener.listen(64)
        unnamed.rename(path)  # whoever sees it can connect
        self._children: dict[int, socket.socket] = {}
        self._ended: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self._woken, waker = socket.socketpair()
        self._woken.settimeout(0)
        waker.settimeout(0)
        self._waker = waker
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Fork until a signal ends this process."""
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._tell_of_the_ended)
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        with connection.makefile("rb") as lines:
            line = lines.readline(_LINE_MAX)
        if not line:  # they only wanted to know whether we are here
            connection.close()
            return
        order = Order(**json.loads(line))
        self._import()
        assert len([*Path("/proc/self/task").iterdir()]) == 1, "a fork copies one thread only"
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            become(order, parent)
        os.setpgid(pid, pid)
        self._children[pid] = connection
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._let_go(pid))
        tell(connection, {"pid": pid})

    def _import(self) -> None:
        if self._warm:
            return
        for module in self._modules:
            import_module(module)
        gc.collect()
        gc.freeze()
        self._warm = True

    def _tell_of_the_ended(self) -> None:
        self._woken.recv(4_096)
        for pid in self._children.keys() - self._ended:
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:
                self._ended.add(pid)
                killed = ended.si_code != os.CLD_EXITED
                status = -ended.si_status if killed else ended.si_status
                tell(self._children[pid], {"status": status})

    def _let_go(self, pid: int) -> None:
        """Nobody asks for this process any more: what is left of it ends."""
        connection = self._children.pop(pid)
        self._ended.discard(pid)
        self._selector.unregister(connection)
        connection.close()
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


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
        _redirect(order)
        os.chdir(order.folder)
        os.environ.clear()  # noqa: TID251 - a process of its own begins
        os.environ.update(order.environment)  # noqa: TID251
        path = order.environment.get("PYTHONPATH", "").split(os.pathsep)
        sys.path[:0] = [folder for folder in path if folder and folder not in sys.path]
        sys.argv = [order.module, *order.arguments]
        runpy.run_module(order.module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = _exit_status(ended.code)
    except BaseException:  # noqa: BLE001 - the last handler of a process
        traceback.print_exc()
    finally:
        _end(status)


def _redirect(order: Order) -> None:
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    given = os.open(order.stdin, os.O_RDONLY)
    log = os.open(order.log, append, 0o644)
    errors = os.open(order.errors or order.log, append, 0o644)
    for target, source in ((0, given), (1, log), (2, errors)):
        os.dup2(source, target)
    os.closerange(3, 4_096)  # the nursery's sockets, and those above


def _exit_status(code: object) -> int:
    """What an interpreter makes of ``SystemExit(code)``."""
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


def _end(status: int) -> None:
    """End as an interpreter does, but for taking down what the nursery has imported."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - waits for threads
        atexit._run_exitfuncs()  # noqa: SLF001
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def main(socket_path: str, *modules: str) -> None:
    """Serve on the socket."""
    Nursery(Path(socket_path), modules).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
