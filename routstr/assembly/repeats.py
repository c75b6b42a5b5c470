"""Calls that may be repeated: the records of them, and what puts them around the routes."""

from typing import Final

from routstr.auth.credentials import Knows
from routstr.balance.idempotency import Repetition
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.payment.idempotency.repeats import Repeats
from routstr.proxy.once import Once

TIDY_SECONDS: Final = 60.0


def build_repeats(
    settings: Settings,
    db: Database,
    node_key: NodeKey,
    clock: Clock,
    instance: int,
    knows: Knows,
) -> tuple[Repetition, Once]:
    """Put the two sides of it together: management routes, paid routes."""
    repeats = Repeats(
        db,
        node_key,
        clock,
        instance,
        stale_seconds=settings.instance_stale_seconds,
        keep_hours=settings.idempotency_hours,
    )
    return (
        Repetition(repeats, node_key, knows),
        Once(repeats, node_key, knows, store_answers=settings.store_answers),
    )


def start_repeats(repetition: Repetition, supervisor: Supervisor) -> None:
    """Write late what could not be written, and delete what has expired."""
    supervisor.every("idempotency", TIDY_SECONDS, repetition.repeats.tidy)
