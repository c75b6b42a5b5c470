"""Which ports a process listens on.

Services are started on port 0, or on a reserved port when others must know it beforehand: nobody
can be first, and two runs at the same time never meet. Who listens is read from Linux's ``/proc``.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
_SOCKET_LINK: Final = re.compile(r"socket:\[(\d+)\]")


def free_port() -> int:
    """A port on which nobody listened a moment ago: for tests of refused connections."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that the system gives to nobody else meanwhile, for a service told to use it.

    It is bound but does not listen: a server that sets SO_REUSEADDR, as nearly all do, may have
    it, and whoever connects before that is refused.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((LOOPBACK, 0))
        yield holder.getsockname()[1]


def listening_ports(pid: int) -> frozenset[int]:
    """The IPv4 TCP ports on which this very process listens; empty when it is gone."""
    inodes = _sockets_of(_PROC / str(pid) / "fd")
    table = (_PROC / "net" / "tcp").read_text()
    return frozenset(port for inode, port in parse_listening(table).items() if inode in inodes)


def parse_listening(table: str) -> dict[str, int]:
    """Inode -> port of each listening socket in the text of ``/proc/net/tcp`` (see proc(5))."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {
        inode: int(local.rpartition(":")[2], base=16)
        for _, local, _, state, *_, inode in (row[:10] for row in rows)
        if state == _LISTENING
    }


def _sockets_of(descriptors: Path) -> set[str]:
    found = set()
    try:
        for descriptor in descriptors.iterdir():
            try:
                match = _SOCKET_LINK.fullmatch(str(descriptor.readlink()))
            except FileNotFoundError:  # closed while we looked
                continue
            if match:
                found.add(match[1])
    except (FileNotFoundError, PermissionError):  # gone, or dead and not yet waited for
        return set()
    return found
