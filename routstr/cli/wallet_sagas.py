"""``routstr wallet sagas``: movements at mints, who works on them, and what holds them up."""

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from sqlalchemy import Connection

from routstr.cli import tables
from routstr.cli.reading import read_database
from routstr.core.clock import SystemClock
from routstr.core.settings import Settings
from routstr.ledger import instances
from routstr.wallet.models import SagaState
from routstr.wallet.overview import Movement, newest_movements, open_movements


class Listing(Struct, frozen=True):
    """Sagas as they are listed; ``more`` are left out. ``alive`` are instances that run."""

    sagas: list[Movement]
    more: int
    alive: frozenset[int]


def look(connection: Connection, stale_seconds: float, limit: int, *, newest: bool) -> Listing:
    """Read one snapshot of sagas and instances."""
    running = instances.alive(connection, stale_seconds) - instances.crashed_here(connection)
    if newest:
        return Listing(newest_movements(connection, limit), 0, running)
    found = open_movements(connection)
    return Listing(found[:limit], len(found[limit:]), running)


def run(settings: Settings, *, newest: bool, limit: int, json: bool) -> None:
    """Print the sagas that are open, or the newest whatever became of them."""
    stale = settings.instance_stale_seconds
    listing = read_database(settings, lambda c: look(c, stale, limit, newest=newest))
    listed = frozenset(settings.cashu_mints)
    now = SystemClock().now_ms()
    if json:
        typer.echo(msgspec.json.encode(as_plain(listing, listed, now)))
    else:
        show(listing, listed, now, tables.console())


def as_plain(listing: Listing, listed: frozenset[str], now_ms: int) -> dict[str, object]:
    """The listing for machines: kinds and states by name, times in milliseconds since 1970."""
    sagas = [
        {
            **msgspec.to_builtins(saga),
            "kind": saga.kind.name.lower(),
            "state": saga.state.name.lower(),
            "age_s": max(0, now_ms - saga.created_at) // 1_000,
            "owner_alive": saga.owner in listing.alive,
            "listed": saga.mint in listed,
        }
        for saga in listing.sagas
    ]
    return {"sagas": sagas, "more": listing.more}


def show(listing: Listing, listed: frozenset[str], now_ms: int, console: Console) -> None:
    """Print a table with two lines or more for each saga."""
    if not listing.sagas:
        console.print("No saga is open." if not listing.more else "")
        return
    table = tables.table()
    table.add_column("saga", justify="right")
    for name in ("moves", "amount", "state", "owner"):
        table.add_column(name, no_wrap=True)
    table.add_column("mint, problem", overflow="fold")
    for saga in listing.sagas:
        is_open = saga.state is SagaState.OPEN
        owner = "alive" if saga.owner in listing.alive else "gone"
        problems = [saga.problem] if saga.problem else []
        if is_open and saga.mint not in listed:
            problems.append("not in CASHU_MINTS: nodes leave it to routstr wallet resolve")
        tables.add_row(
            table,
            str(saga.id),
            f"{saga.kind.name.lower()}\n{saga.purpose}",
            f"{tables.amount(saga.gross, saga.unit)}\nfee {tables.amount(saga.fee, saga.unit)}",
            f"{saga.state.name.lower()}\n{tables.age(now_ms - saga.created_at)}",
            f"{saga.owner}\n{owner}" if is_open else str(saga.owner),
            "\n".join([saga.mint, *problems]),
        )
    console.print(table)
    if listing.more:
        console.print(f"{listing.more} more: --limit shows them.")
