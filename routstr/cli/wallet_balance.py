"""``routstr wallet balance``: what the node has at each mint, what it owes, what is left."""

from typing import Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from routstr.cli import tables
from routstr.cli.reading import read_database
from routstr.core.settings import Settings
from routstr.payment.standing import MintStanding, Standing, standing

_HAS: Final = ("liquid", "reserved", "coming in", "going out", "given out")
_OWES: Final = ("owed msat", "surplus msat", "payable")


def run(settings: Settings, *, json: bool) -> None:
    """Print the balance."""
    balance = read_database(settings, standing)
    listed = frozenset(settings.cashu_mints)
    if json:
        plain = msgspec.to_builtins(balance)
        for position in plain["positions"]:
            position["listed"] = position["mint"] in listed
        typer.echo(msgspec.json.encode(plain))
    else:
        show(balance, listed, tables.console())


def show(balance: Standing, listed: frozenset[str], console: Console) -> None:
    """Print a table for each mint and the sums below."""
    if not balance.positions:
        console.print("The wallet is empty.")
    for mint in sorted({position.mint for position in balance.positions}):
        name = mint if mint in listed else f"{mint} (not in CASHU_MINTS)"
        console.print(Text(name, style="bold"), soft_wrap=True)  # in one piece, to be copied
        here = [position for position in balance.positions if position.mint == mint]
        console.print(_table(here, _HAS))
        console.print(_table(here, _OWES))
    sums = tables.table()
    sums.show_header, sums.box = False, None
    sums.add_column()
    sums.add_column(justify="right")
    sums.add_column()
    for name, msat, note in (
        ("held", balance.held_msat, "liquid, reserved and given out"),
        ("owed", balance.owed_msat, "users' balances, and what was given out or is on its way"),
        ("yours", balance.surplus_msat, ""),
    ):
        tables.add_row(sums, name, tables.amount(msat, "msat"), note)
    console.print(sums)


def _table(positions: list[MintStanding], headings: tuple[str, ...]) -> Table:
    """Tell some figures of one mint, a row for each unit; a heading is a field's name in words."""
    table = tables.table()
    table.add_column("unit")
    for heading in headings:
        table.add_column(heading, justify="right", overflow="fold")
    for position in positions:
        amounts = (getattr(position, heading.replace(" ", "_")) for heading in headings)
        tables.add_row(table, position.unit.value, *(f"{amount:,}" for amount in amounts))
    return table
