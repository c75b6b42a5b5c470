"""``routstr wallet restore``: bring a wallet's ecash back from its mints into an empty database.

It can be stopped at any moment and run again: what was found stays, and what is missing is added.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.status import Status
from rich.text import Text
from sqlalchemy import func, select

from routstr.cli import tables
from routstr.cli.opening import opened_database, opened_wallet
from routstr.cli.passphrase import ask_for_passphrase
from routstr.cli.reading import PROBLEMS, explain
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.clock import SystemClock
from routstr.core.db import Tx
from routstr.core.node_key import NodeKey, load_node_key
from routstr.core.settings import Settings
from routstr.ledger import instances
from routstr.payment.found import book_restored
from routstr.wallet import seed as seeds
from routstr.wallet.backup import Backup, BackupError, decrypt
from routstr.wallet.holdings import Holding
from routstr.wallet.models import SagaRow
from routstr.wallet.restore import Progress, Restorer
from routstr.wallet.search import Gap
from routstr.wallet.secrets import seed_from_words


class InUse(ValueError):
    """The database is not an empty one."""


class Outcome(Struct, frozen=True):
    """What was found keyset by keyset, and what the wallet has now."""

    keysets: list[Progress]
    holdings: list[Holding]

    @property
    def complete(self) -> bool:
        """Whether every keyset of every mint was searched to its end."""
        return bool(self.keysets) and all(keyset.done for keyset in self.keysets)


def run(settings: Settings, *, backup: Path | None, phrase_file: Path | None, gap: int) -> Outcome:
    """Restore, telling the progress on standard error."""
    if not settings.cashu_mints:
        fail("CASHU_MINTS names no mint: the words do not say where the ecash is.", EXIT_USAGE)
    kept = None if backup is None else _read_backup(backup, phrase_file)
    words = _ask_for_words() if kept is None else kept.words
    try:
        seed_from_words(words)
        return asyncio.run(_restore(settings, load_node_key(settings), words, kept, Gap.of(gap)))
    except seeds.OtherSeed:
        fail("This database belongs to another wallet. Set DATABASE_URL to an empty one.")
    except PROBLEMS as error:
        fail(f"The wallet cannot be restored: {explain(error)}.")


def report(outcome: Outcome, *, json: bool) -> bool:
    """Print the outcome, amounts in each keyset's unit; true when nothing was left out."""
    if json:
        typer.echo(msgspec.json.encode({"complete": outcome.complete, **_plain(outcome)}))
    else:
        show(outcome, tables.console())
    return outcome.complete


def show(outcome: Outcome, console: Console) -> None:
    """Print a table by mint and unit, and what was left out."""
    table = tables.table()
    table.add_column("mint", overflow="fold")
    table.add_column("unit")
    for name in ("found now", "proofs", "in the wallet"):
        table.add_column(name, justify="right")
    held = {(h.mint, h.unit): h.liquid for h in outcome.holdings}
    found = {(k.mint, k.unit) for k in outcome.keysets if k.unit is not None}
    for mint, unit in sorted(found | held.keys()):
        here = [k for k in outcome.keysets if (k.mint, k.unit) == (mint, unit)]
        now = sum(k.amount for k in here), sum(k.proofs for k in here), held.get((mint, unit), 0)
        tables.add_row(table, mint, unit.value, *(f"{number:,}" for number in now))
    console.print(table)
    for keyset in outcome.keysets:
        for words in _left_out(keyset):
            console.print(Text(f"{_where(keyset)}: {words}"), soft_wrap=True)
    if not outcome.complete:
        console.print("Run it again for the rest: what was found stays.")


def _left_out(keyset: Progress) -> list[str]:
    pending = f"{keyset.pending:,} {keyset.unit} are being spent at the mint right now"
    told = [f"not finished: {keyset.problem}"] if keyset.problem else []
    return [*told, pending] if keyset.pending else told


def _where(keyset: Progress) -> str:
    return " ".join(filter(None, (keyset.mint, keyset.unit, keyset.keyset[:16])))


def _plain(outcome: Outcome) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(outcome)
    return plain


def _ask_for_words() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("The wallet's twelve words", hide_input=True, err=True))
    return sys.stdin.read(1_000)


def _read_backup(file: Path, phrase_file: Path | None) -> Backup:
    try:
        return decrypt(file.read_bytes(), ask_for_passphrase(phrase_file, new=False))
    except (BackupError, OSError) as error:
        fail(f"{file} cannot be read: {explain(error)}.")


async def _restore(
    settings: Settings, key: NodeKey, words: str, backup: Backup | None, gap: Gap
) -> Outcome:
    clock = SystemClock()
    async with opened_database(settings, key) as db:
        alive = await db.read(lambda c: instances.alive(c, settings.instance_stale_seconds))
        alive -= await db.read(instances.crashed_here)
        if alive:
            raise InUse("a node runs on this database: stop it first")
        await db.write(partial(_take_in, key=key, words=words, at=clock.now_ms()))
        async with opened_wallet(settings, db, key) as wallet:
            restorer = Restorer(
                db,
                wallet.mints,
                wallet.seed,
                lambda tx, found: book_restored(tx, found, clock.now_ms()),
                backup=backup,
            )
            ends: dict[tuple[str, str], Progress] = {}
            with Console(stderr=True).status("Asking the mints") as status:
                async for progress in restorer.run(gap):
                    ends[progress.mint, progress.keyset] = progress
                    _tell(progress, status)
            return Outcome(list(ends.values()), await wallet.holdings())


def _take_in(tx: Tx, key: NodeKey, words: str, at: int) -> None:
    """Make the words this database's, if nothing has happened in it; whoever has them saw them."""
    seeds.adopt_words(tx, key, words)
    if tx.sql.execute(select(func.count()).select_from(SagaRow)).scalar():
        raise InUse(
            "this wallet is in use already. Its counters follow the mints by themselves; to begin "
            "anew, set DATABASE_URL to an empty database"
        )
    seeds.note_shown(tx, at)


def _tell(progress: Progress, status: Status) -> None:
    found = f"{progress.asked} numbers, {progress.signed} signed, {progress.amount} found"
    status.update(Text(f"{_where(progress)}: {found}"))
    if progress.done or progress.problem:
        typer.echo(f"{_where(progress)}: {progress.problem or found}", err=True)
