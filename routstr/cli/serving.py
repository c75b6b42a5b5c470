"""``routstr serve`` as services call it, without what only the other commands need.

Whatever is spelled otherwise goes to the tree of commands, which knows how to help.
"""

import os
import socket
import ssl
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

from routstr.core.settings import Settings, SettingsError, load_settings

_COMMAND: Final = "serve"
_PORTS: Final = range(65_536)
WORKERS_MAX: Final = 64
_WORKERS: Final = frozenset(map(str, range(1, WORKERS_MAX + 1)))
_FAILED: Final = 1
_USAGE: Final = 2


class Address(NamedTuple):
    """Where to listen, None: as the settings say; and how many processes shall."""

    host: str | None = None
    port: int | None = None
    workers: int = 1


def plainly_asked(arguments: Sequence[str]) -> Address | None:
    """Where ``serve`` shall listen; None when something else is asked for, or is not clear."""
    if not arguments or arguments[0] != _COMMAND or len(arguments) % 2 == 0:
        return None
    host, port, workers = None, None, 1
    for name, value in zip(arguments[1::2], arguments[2::2], strict=True):
        if name == "--host" and value and not value.startswith("-"):
            host = value
        elif name == "--port" and value.isascii() and value.isdigit() and int(value) in _PORTS:
            port = int(value)
        elif name == "--workers" and value in _WORKERS:
            workers = int(value)
        else:
            return None
    return Address(host, port, workers)


def serve(address: Address) -> int:
    """Run the node until it is told to stop; returns the exit code."""
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE
    load_client_library()
    from routstr.cli import server  # noqa: PLC0415 - not for settings that are wrong

    if address.workers > 1:
        return _serve_together(settings, address)
    return 0 if server.run(settings, address.host, address.port) else _FAILED


def load_client_library() -> None:
    """Import aiohttp without the certificates that it would read for nothing.

    It makes a second TLS context, for who wants no server's identity verified, and lets that one
    too read all that the system trusts: half of the import's time, kept as long as the node runs.
    """
    paths = ssl.SSLContext.set_default_verify_paths

    def where_used(context: ssl.SSLContext) -> None:
        if context.verify_mode != ssl.CERT_NONE:
            paths(context)

    ssl.SSLContext.set_default_verify_paths = where_used  # type: ignore[method-assign, assignment]
    try:
        import aiohttp  # noqa: F401, PLC0415
    finally:
        ssl.SSLContext.set_default_verify_paths = paths  # type: ignore[method-assign]


def _serve_together(settings: Settings, address: Address) -> int:
    """Run several processes of the node at one address."""
    from routstr.cli import server, workers  # noqa: PLC0415

    if not hasattr(os, "fork") or not hasattr(socket, "SO_REUSEPORT"):
        sys.stderr.write("This system has no processes that share an address: start one node.\n")
        return _USAGE
    host = settings.host if address.host is None else address.host
    port = settings.port if address.port is None else address.port

    def work(seat: workers.Seat) -> bool:
        return server.run(settings, host, port, seat=seat)

    try:
        doors = workers.Doors(host, port, address.workers)
    except OSError as error:
        sys.stderr.write(f"The node cannot listen at {host}, port {port}: {error.strerror}\n")
        return _FAILED
    journal = workers.Journal(settings)
    return workers.Supervisor(doors, work, address.workers, journal).run()
