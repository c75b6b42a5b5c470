"""What outlives a change of the settings: the logs, the node's key, its packages, its database."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from routstr.assembly.plugins import Extensions, open_extensions
from routstr.assembly.storage import open_database
from routstr.core.clock import Clock
from routstr.core.db import Backend, Database
from routstr.core.logging import Logs
from routstr.core.node_key import NodeKey, load_node_key
from routstr.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the node. ``given`` are the settings of its environment."""

    given: Settings
    clock: Clock
    logs: Logs
    node_key: NodeKey
    extensions: Extensions
    db: Database


async def open_process(
    given: Settings, clock: Clock, logs: Logs, backend: Backend | None, stack: AsyncExitStack
) -> Process:
    """Open it, to be closed with the stack. Raises what stops a start."""
    node_key = load_node_key(given)
    extensions = open_extensions(given)
    db = await stack.enter_async_context(open_database(given, node_key, backend))
    return Process(given, clock, logs, node_key, extensions, db)
