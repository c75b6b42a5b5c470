"""``routstr wallet sagas``: movements at mints, who works on them, and what holds them up."""

import msgspec
import typer
from rich.console import Console

from routstr.cli import tables
from routstr.cli.reading import read_database
from routstr.core.clock import SystemClock
from routstr.core.settings import Settings
from routstr.payment.movements import Listing, as_plain, is_open, look


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
        waits = is_open(saga)
        owner = "alive" if saga.owner in listing.alive else "gone"
        problems = [saga.problem] if saga.problem else []
        if waits and saga.mint not in listed:
            problems.append("not in CASHU_MINTS: nodes leave it to routstr wallet resolve")
        tables.add_row(
            table,
            str(saga.id),
            f"{saga.kind.name.lower()}\n{saga.purpose}",
            f"{tables.amount(saga.gross, saga.unit)}\nfee {tables.amount(saga.fee, saga.unit)}",
            f"{saga.state.name.lower()}\n{tables.age(now_ms - saga.created_at)}",
            f"{saga.owner}\n{owner}" if waits else str(saga.owner),
            "\n".join([saga.mint, *problems]),
        )
    console.print(table)
    if listing.more:
        console.print(f"{listing.more} more: --limit shows them.")
