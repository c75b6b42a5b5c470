"""``routstr wallet recovered``: what was found beside the books, and who gets it."""

import asyncio
import secrets

import msgspec
import typer

from routstr.auth import repository
from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.clock import SystemClock
from routstr.core.db import Database
from routstr.core.settings import Settings
from routstr.errors import InsufficientBalance
from routstr.money import Msat
from routstr.payment.release import recovered, release


def show(settings: Settings, *, json: bool) -> None:
    """Print how much there is."""
    amount = int(read_database(settings, recovered))
    if json:
        typer.echo(msgspec.json.encode({"recovered_msat": amount}))
    else:
        typer.echo(f"{tables.amount(amount, 'msat')} were found, and are owed to nobody known.")


def give(
    settings: Settings, key_id: str | None, msat: int | None, name: str | None, *, json: bool
) -> None:
    """Give it to the owner of a key, or without one to the operator, and print what was moved.

    ``name`` names the call: the same again moves nothing.
    """
    amount = None if msat is None else Msat(msat)
    try:
        moved = asyncio.run(_give(settings, key_id, amount, name or secrets.token_hex()))
    except InsufficientBalance:
        there = tables.amount(int(read_database(settings, recovered)), "msat")
        fail(f"Nothing was moved: there are {there}.")
    except PROBLEMS as error:
        fail(f"Nothing was moved: {explain(error)}.")
    if json:
        typer.echo(msgspec.json.encode({"moved_msat": 0 if moved is None else int(moved)}))
    elif moved is None:
        typer.echo(f"Nothing was moved: {name} has been done before.")
    else:
        to = "yours" if key_id is None else f"on {key_id}"
        typer.echo(f"{tables.amount(int(moved), 'msat')} are {to} now.")


async def _give(
    settings: Settings, key_id: str | None, amount: Msat | None, name: str
) -> Msat | None:
    at = SystemClock().now_ms()
    async with opened_database(settings, existing_key(settings)) as db:
        account = None if key_id is None else await _account(db, key_id)
        return await db.write(lambda tx: release(tx, account, amount, name, at))


async def _account(db: Database, key_id: str) -> int:
    accounts = await db.read(lambda c: repository.accounts_of(c, key_id))
    if len(accounts) != 1:
        fail(f"There is no key {key_id} with a balance of its own.", EXIT_USAGE)
    return accounts[0]
