"""``routstr wallet import``: take in tokens as the operator's own money."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import msgspec
import typer
from msgspec import Struct

from routstr.assembly.reconciliation import build_reconciliation
from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database, opened_wallet
from routstr.cli.reading import PROBLEMS, explain
from routstr.cli.shell import fail
from routstr.core.clock import SystemClock
from routstr.core.settings import Settings
from routstr.errors import RoutstrError
from routstr.money import ZERO, Unit
from routstr.payment.capital import CAPITAL
from routstr.wallet import token
from routstr.wallet.receive import Deposit
from routstr.wallet.service import Wallet

_CHARS_MAX: Final = 10 << 20


class Answer(Struct, frozen=True):
    """What became of one token; it is named by its place, never repeated. Amounts in ``unit``."""

    line: int
    mint: str = ""
    unit: Unit | None = None
    credited: int = 0
    fee: int = 0
    problem: str = ""

    def __str__(self) -> str:
        if self.unit is None or self.problem:
            return f"token {self.line}: {self.problem}."
        amounts = (tables.amount(amount, self.unit) for amount in (self.credited, self.fee))
        return f"token {self.line}: {next(amounts)} at {self.mint}, fee {next(amounts)}."


def run(settings: Settings, file: Path, *, json: bool) -> bool:
    """Receive each token of the file (``-``: standard input); true when all were taken."""
    texts = _read(file).split()
    if not texts:
        fail(f"There is no token in {file}.")
    try:
        answers = asyncio.run(_import(settings, texts))
    except PROBLEMS as error:
        fail(f"The tokens cannot be taken in: {explain(error)}.")
    if json:
        typer.echo(msgspec.json.encode({"tokens": answers}))
    else:
        typer.echo("\n".join(map(str, answers)))
    return not any(answer.problem for answer in answers)


def _read(file: Path) -> str:
    try:
        return sys.stdin.read(_CHARS_MAX) if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {explain(error)}.")


async def _import(settings: Settings, texts: list[str]) -> list[Answer]:
    key = existing_key(settings)
    async with (
        opened_database(settings, key) as db,
        opened_wallet(settings, db, key) as wallet,
    ):
        build_reconciliation(db, wallet, SystemClock())
        return [await _take(wallet, line, text) for line, text in enumerate(texts, 1)]


async def _take(wallet: Wallet, line: int, text: str) -> Answer:
    """Receive one token; one that was taken before says so and brings nothing again."""
    try:
        given = token.decode(text)
        saga = await wallet.receive(Deposit(given, CAPITAL, None, {}, ZERO))
    except RoutstrError as error:
        return Answer(line, problem=explain(error))
    if saga.purpose != CAPITAL:
        return Answer(
            line, saga.mint, saga.unit, problem="it was paid in here, not by this command"
        )
    return Answer(line, saga.mint, saga.unit, saga.gross - saga.fee, saga.fee)
