"""Who is let in as the operator, and the first run, in which nobody is yet."""

import sys
from ipaddress import ip_address
from typing import Final, TextIO

from aiohttp import ClientSession
from starlette.types import ASGIApp

from routstr.admin.desk import AdminParts
from routstr.admin.first_run import FirstRun
from routstr.admin.passwords import Passwords
from routstr.admin.sessions import Sessions
from routstr.admin.setup.desk import SetupDesk
from routstr.admin.setup.first_payment import FirstPayment
from routstr.admin.setup.mint_check import MintCheck
from routstr.admin.setup.own_door import OwnDoor
from routstr.admin.setup.provider_check import ProviderCheck
from routstr.admin.setup.steps import Progress
from routstr.assembly.process import Process
from routstr.core.options.service import Options
from routstr.core.settings import Settings

_HERE: Final = "127.0.0.1"


def build_sessions(settings: Settings, process: Process) -> Sessions:
    """The sessions of the operator, whose password may stand in the settings."""
    db, node_key, clock = process.db, process.node_key, process.clock
    passwords = Passwords(db, node_key, clock, settings.admin_password)
    return Sessions(db, node_key, clock, passwords, process.throttle)


def build_first_run(process: Process) -> FirstRun:
    """What makes the link of the first run; it outlives changes of the settings."""
    sessions = build_sessions(process.given, process)
    return FirstRun(sessions, process.db, process.node_key)


class SetupParts:
    """What the first run needs of the process. ``app`` is the whole node, as clients see it."""

    def __init__(
        self, process: Process, options: Options, first_run: FirstRun, app: ASGIApp
    ) -> None:
        self._process: Final = process
        self._options: Final = options
        self._first_run: Final = first_run
        self._payment: Final = FirstPayment(OwnDoor(app))
        self._progress: Final = Progress(process.db)

    def desk(
        self, settings: Settings, admin: AdminParts, outgoing: ClientSession, stored: ClientSession
    ) -> SetupDesk:
        """The desk of a node with these settings, and its connections to mints and providers."""
        insecure = settings.allow_insecure_mints
        adapters = self._process.extensions.adapters
        return SetupDesk(
            self._first_run,
            self._progress,
            self._options,
            MintCheck(outgoing, self._process.clock, allow_insecure=insecure),
            admin.providers,
            ProviderCheck(stored, adapters, allow_insecure=insecure),
            self._payment,
        )


def tell_of_setup(
    path: str, settings: Settings, host: str, port: int, out: TextIO | None = None
) -> None:
    """Print the link of the first run where the node was started, and nowhere else.

    It is no log line: whoever reads the logs must not be able to take the node over.
    """
    out = sys.stderr if out is None else out
    links = [f"http://{_reachable(host)}:{port}{path}"]
    if settings.http_url:
        links.append(f"{settings.http_url}{path}")
    lines = "\n".join(f"    {link}" for link in links)
    out.write(f"\nThis node is new. Set it up in a browser:\n\n{lines}\n\n")
    out.flush()


def _reachable(host: str) -> str:
    """An address that a browser on this machine can go to."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return _HERE
    return f"[{address}]" if address.version == 6 else host  # noqa: PLR2004 - of the protocol
