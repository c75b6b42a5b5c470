"""``routstr verify``: the books recomputed, for people or as JSON."""

import asyncio

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from routstr.core.db import Database
from routstr.core.settings import Settings
from routstr.payment.audit import Audit, audit


def run(settings: Settings, *, json: bool) -> bool:
    """Print the outcome; true when every equation holds."""
    outcome = asyncio.run(_audit(settings))
    if json:
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(outcome), "holds": outcome.holds}))
    else:
        _show(outcome)
    return outcome.holds


async def _audit(settings: Settings) -> Audit:
    db = Database(settings.database_url.reveal())
    db.start()
    try:
        return await db.read(audit)
    finally:
        await db.stop()


def _show(outcome: Audit) -> None:
    console = Console()
    table = Table(title="Books", title_justify="left")
    table.add_column("equation")
    table.add_column("holds")
    for check in outcome.checks:
        table.add_row(check.name, "yes" if check.holds else "NO: " + "; ".join(check.problems))
    console.print(table)
    ecash = Table(title="Ecash", title_justify="left")
    for column in ("mint", "unit", "liquid", "reserved", "given out"):
        ecash.add_column(column)
    for h in outcome.holdings:
        ecash.add_row(h.mint, h.unit, str(h.liquid), str(h.reserved), str(h.issued))
    console.print(ecash)
    surplus = outcome.assets - outcome.owed
    console.print(f"held {outcome.assets} msat, owed {outcome.owed} msat, yours {surplus} msat")
