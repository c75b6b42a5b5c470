"""``routstr verify --mints``: whether the ecash that the books count is really at the mints."""

from rich.console import Console
from rich.text import Text

from routstr.assembly.wallet import open_mints
from routstr.cli import tables
from routstr.core.clock import SystemClock
from routstr.core.db import Database
from routstr.core.http import outgoing_session
from routstr.core.settings import Settings
from routstr.payment.mint_audit import Answered, ask_mints


async def ask(settings: Settings) -> list[Answered]:
    """Ask the mints about every proof; nothing is changed, here or there."""
    db = Database(settings.database_url.reveal())
    db.start()
    try:
        allow = settings.allow_insecure_mints
        async with outgoing_session(settings, allow_loopback=allow) as session:
            mints = open_mints(settings, db, session, SystemClock())
            return [answered async for answered in ask_mints(db, mints)]
    finally:
        await db.stop()


def show(answers: list[Answered], console: Console) -> None:
    """Print what each mint says."""
    table = tables.table()
    table.add_column("mint", overflow="fold")
    table.add_column("unit")
    for name in ("counts as ours", "spent there", "pending", "redeemed"):
        table.add_column(name, justify="right")
    for at in answers:
        amounts = (at.ours, at.spent, at.pending, at.redeemed)
        tables.add_row(table, at.mint, at.unit.value, *(f"{amount:,}" for amount in amounts))
    console.print(table)
    for at in answers:
        if at.problem:
            console.print(Text(f"{at.mint} was not asked to the end: {at.problem}"), soft_wrap=True)
        if at.spent:
            words = f"{at.mint}: {at.spent:,} {at.unit} count as ours and are spent. A node that"
            console.print(Text(f"{words} runs books that, once it is certain."), soft_wrap=True)
