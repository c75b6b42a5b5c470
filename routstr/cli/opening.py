"""How commands open what a node opens: its key, its database, its wallet. Everything is closed."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from routstr.assembly.storage import open_database
from routstr.assembly.wallet import open_wallet
from routstr.cli.shell import fail
from routstr.core.clock import SystemClock
from routstr.core.db import Database
from routstr.core.http import outgoing_session
from routstr.core.logging import start_logging
from routstr.core.node_key import NodeKey, load_node_key
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.ledger import instances
from routstr.wallet.service import Wallet

_HEARTBEAT_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 5.0


def existing_key(settings: Settings) -> NodeKey:
    """The key that the database was made with; unlike a node's start, this makes no new one."""
    file = settings.routstr_secret_key_file
    if not settings.routstr_secret_key and not file.exists():
        fail(f"The secret key file {file} is not there: run this where the node runs.")
    return load_node_key(settings)


@asynccontextmanager
async def opened_database(settings: Settings, key: NodeKey) -> AsyncIterator[Database]:
    """Open the node's database. What happens stands in the node's log, not on the terminal."""
    async with AsyncExitStack() as stack:
        quiet = settings.model_copy(update={"enable_console_logging": False})
        stack.callback(start_logging(quiet, SystemClock(), sys.stderr).close)
        yield await stack.enter_async_context(open_database(settings, key))


@asynccontextmanager
async def opened_wallet(
    settings: Settings, db: Database, key: NodeKey, *, unlisted: tuple[str, ...] = ()
) -> AsyncIterator[Wallet]:
    """Be an instance with a wallet for a while; ``unlisted`` as for ``open_wallet``."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        instance = await db.write(instances.register)
        stack.push_async_callback(db.write, lambda tx: instances.stop(tx, instance))
        supervisor = Supervisor(clock)
        stack.push_async_callback(supervisor.stop, _STOP_SECONDS)
        supervisor.every(
            "heartbeat",
            _HEARTBEAT_SECONDS,
            lambda: db.write(lambda tx: instances.beat(tx, instance)),
        )
        session = await stack.enter_async_context(
            outgoing_session(settings, allow_loopback=settings.allow_insecure_mints)
        )
        wallet = await open_wallet(settings, db, key, instance, session, clock, unlisted=unlisted)
        stack.push_async_callback(wallet.drain, _STOP_SECONDS)
        yield wallet
