"""``routstr serve`` as services call it, without what only the other commands need.

Whatever is spelled otherwise goes to the tree of commands, which knows how to help.
"""

import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

from routstr.core.settings import SettingsError, load_settings

_COMMAND: Final = "serve"
_PORTS: Final = range(65_536)
_FAILED: Final = 1
_USAGE: Final = 2


class Address(NamedTuple):
    """Where to listen; None: as the settings say."""

    host: str | None = None
    port: int | None = None


def plainly_asked(arguments: Sequence[str]) -> Address | None:
    """Where ``serve`` shall listen; None when something else is asked for, or is not clear."""
    if not arguments or arguments[0] != _COMMAND or len(arguments) % 2 == 0:
        return None
    host, port = None, None
    for name, value in zip(arguments[1::2], arguments[2::2], strict=True):
        if name == "--host" and value and not value.startswith("-"):
            host = value
        elif name == "--port" and value.isascii() and value.isdigit() and int(value) in _PORTS:
            port = int(value)
        else:
            return None
    return Address(host, port)


def serve(address: Address) -> int:
    """Run the node until it is told to stop; returns the exit code."""
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE
    from routstr.cli import server  # noqa: PLC0415 - not for settings that are wrong

    return 0 if server.run(settings, address.host, address.port) else _FAILED
