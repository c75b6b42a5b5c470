"""Sagas as an operator looks at them: what moves, who works on it, and what it waits for."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from routstr.ledger import instances
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.overview import Movement, newest_movements, open_movements

_FRESH_MS: Final = 15_000
"""So long a movement may take without anybody wondering."""


class Wait(StrEnum):
    """What an open movement waits for."""

    MINT_OFF_LIST = "mint_off_list"
    """The operator: nodes speak to no mint that is not listed."""
    OTHER_INSTANCE = "other_instance"
    """Another process to take over: the one that began it is gone."""
    MINT_RESTS = "mint_rests"
    """Some seconds: the mint was in trouble, and is left alone."""
    LIGHTNING = "lightning"
    """The Lightning network: the payment is under way."""
    MINT_ANSWER = "mint_answer"
    """A clear answer of the mint: the last one was none."""
    NOTHING = "nothing"
    """It is being worked on."""


class Listing(Struct, frozen=True):
    """Sagas as they are listed; ``more`` are left out. ``alive`` are instances that run."""

    sagas: list[Movement]
    more: int
    alive: frozenset[int]


def look(
    connection: Connection,
    stale_seconds: float,
    limit: int,
    *,
    newest: bool,
    before: int | None = None,
) -> Listing:
    """Read one snapshot of sagas and instances: open ones, or the newest below ``before``."""
    running = instances.alive(connection, stale_seconds) - instances.crashed_here(connection)
    if newest:
        return Listing(newest_movements(connection, limit, before), 0, running)
    found = open_movements(connection)
    return Listing(found[:limit], len(found[limit:]), running)


def waits_for(
    saga: Movement,
    *,
    listed: Collection[str],
    alive: Collection[int],
    resting: Collection[str],
    now_ms: int,
) -> Wait:
    """Say what an open movement waits for. ``resting`` are mints that are left alone just now."""
    if saga.mint not in listed:
        return Wait.MINT_OFF_LIST
    if saga.owner not in alive:
        return Wait.OTHER_INSTANCE
    if saga.mint in resting:
        return Wait.MINT_RESTS
    if saga.problem is None and now_ms - saga.created_at < _FRESH_MS:
        return Wait.NOTHING
    if saga.kind in {SagaKind.MELT, SagaKind.FORWARD}:
        return Wait.LIGHTNING
    return Wait.MINT_ANSWER if saga.problem else Wait.NOTHING


def as_plain(listing: Listing, listed: Collection[str], now_ms: int) -> dict[str, object]:
    """The listing for machines: kinds and states by name, times in milliseconds since 1970."""
    sagas = [
        {
            **plain(saga),
            "age_s": max(0, now_ms - saga.created_at) // 1_000,
            "owner_alive": saga.owner in listing.alive,
            "listed": saga.mint in listed,
        }
        for saga in listing.sagas
    ]
    return {"sagas": sagas, "more": listing.more}


def plain(saga: Movement) -> dict[str, object]:
    """One saga for machines."""
    named = {"kind": saga.kind.name.lower(), "state": saga.state.name.lower()}
    return {**msgspec.to_builtins(saga), **named}


def is_open(saga: Movement) -> bool:
    """Whether it is not known yet how it ends."""
    return saga.state is SagaState.OPEN
