"""``routstr wallet balance``: what the node has at each mint, what it owes, what is left."""

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.text import Text
from sqlalchemy import Connection

from routstr.cli import tables
from routstr.cli.reading import read_database
from routstr.core.settings import Settings
from routstr.ledger.verify import liabilities
from routstr.money import Msat, total
from routstr.wallet.overview import Position, positions


class Balance(Struct, frozen=True):
    """What is where, and the sums in msat."""

    positions: list[Position]
    held_msat: int
    owed_msat: int
    surplus_msat: int


def look(connection: Connection) -> Balance:
    """Read one snapshot of wallet and ledger."""
    found = positions(connection)
    held = total(position.held_msat for position in found)
    owed = Msat(liabilities(connection))
    return Balance(found, int(held), int(owed), int(held - owed))


def run(settings: Settings, *, json: bool) -> None:
    """Print the balance."""
    balance = read_database(settings, look)
    listed = frozenset(settings.cashu_mints)
    if json:
        plain = msgspec.to_builtins(balance)
        for position in plain["positions"]:
            position["listed"] = position["mint"] in listed
        typer.echo(msgspec.json.encode(plain))
    else:
        show(balance, listed, tables.console())


def show(balance: Balance, listed: frozenset[str], console: Console) -> None:
    """Print a table for each mint and the sums below."""
    if not balance.positions:
        console.print("The wallet is empty.")
    for mint in sorted({position.mint for position in balance.positions}):
        name = mint if mint in listed else f"{mint} (not in CASHU_MINTS)"
        console.print(Text(name, style="bold"), soft_wrap=True)  # in one piece, to be copied
        table = tables.table()
        table.add_column("unit")
        for heading in ("liquid", "reserved", "coming in", "going out", "given out"):
            table.add_column(heading, justify="right", overflow="fold")
        for at in balance.positions:
            if at.mint == mint:
                amounts = (at.liquid, at.reserved, at.coming_in, at.going_out, at.given_out)
                tables.add_row(table, at.unit.value, *(f"{one:,}" for one in amounts))
        console.print(table)
    sums = tables.table()
    sums.show_header, sums.box = False, None
    sums.add_column()
    sums.add_column(justify="right")
    sums.add_column()
    for name, msat, note in (
        ("held", balance.held_msat, "liquid, reserved and given out"),
        ("owed", balance.owed_msat, "users' balances, and tokens given out or on their way"),
        ("yours", balance.surplus_msat, ""),
    ):
        tables.add_row(sums, name, tables.amount(msat, "msat"), note)
    console.print(sums)
