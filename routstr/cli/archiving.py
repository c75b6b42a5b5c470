"""What ``routstr archive make``, ``resume`` and ``list`` do."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from routstr.assembly.signing import NodeSigner
from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import fail
from routstr.cli.verification import Quiet
from routstr.core.clock import SystemClock
from routstr.core.db import Database
from routstr.core.settings import Settings
from routstr.discovery.keyring import Keyring
from routstr.ledger import archives, seals
from routstr.ledger.archive_removal import CannotArchive
from routstr.ledger.archives import Archived
from routstr.ledger.sealer import Sealer
from routstr.ledger.usage_fold import UsageFold
from routstr.payment.archive.making import Archiver
from routstr.payment.verifier import Verifier

_DAY_MS: Final = 86_400_000
_NO_INSTANCE: Final = 0
Work = Callable[[Archiver], Awaitable[Archived]]


def make(settings: Settings, file: Path, days: int, *, json: bool) -> None:
    """Prove the books, write the file, and remove what is in it."""
    until = SystemClock().now_ms() - days * _DAY_MS
    _done(settings, lambda archiver: archiver.make(file, until), file, json=json, prepare=True)


def resume(settings: Settings, file: Path, *, json: bool) -> None:
    """Remove what is still there of what is in the file."""
    _done(settings, lambda archiver: archiver.resume(file), file, json=json, prepare=False)


def list_all(settings: Settings, *, json: bool) -> None:
    """Tell of every archive."""
    found = read_database(settings, archives.known)
    if json:
        typer.echo(msgspec.json.encode([_told(one) for one in found]))
        return
    if not found:
        typer.echo("There is no archive.")
        return
    table = tables.table()
    for name in ("archive", "made", "transfers up to", "charges", "msat", ""):
        table.add_column(name)
    for one in found:
        state = "" if one.ended_at else "interrupted: routstr archive resume"
        figures = (one.number, _day(one.created_at), one.upto, one.removed, one.amount)
        tables.add_row(table, *map(str, figures), state)
    tables.console().print(table)


def _done(settings: Settings, work: Work, file: Path, *, json: bool, prepare: bool) -> None:
    try:
        archive = asyncio.run(_run(settings, work, prepare=prepare))
    except PROBLEMS as error:
        fail(f"The archive is not complete: {explain(error)}.")
    if json:
        typer.echo(msgspec.json.encode(_told(archive)))
        return
    typer.echo(
        f"Archive {archive.number}: {archive.removed} charges of {archive.amount} msat have left"
        f" for {file}. Keep it, and a copy elsewhere: it is the proof of them."
    )


async def _run(settings: Settings, work: Work, *, prepare: bool) -> Archived:
    node_key, clock = existing_key(settings), SystemClock()
    async with opened_database(settings, node_key) as db:
        seal_key = node_key.derive(seals.PURPOSE)
        if prepare:
            await _close_the_books(db, clock, seal_key)
        signer = NodeSigner(Keyring(db, node_key, clock, settings.nsec), node_key)
        return await work(Archiver(db, clock, await signer.key(), seal_key))


async def _close_the_books(db: Database, clock: SystemClock, seal_key: bytes) -> None:
    """Seal, add to the figures and prove everything, as a running node does all the time."""
    await Sealer(db, clock, _NO_INSTANCE, seal_key).finish()
    await UsageFold(db).run()
    found = (await Verifier(db, clock, Quiet(), seal_key=seal_key).run(full=True)).audit
    if not found.holds:
        wrong = "; ".join(check.name for check in found.checks if not check.holds)
        raise CannotArchive(f"the books are not right ({wrong}): see routstr verify")


def _told(one: Archived) -> dict[str, Any]:
    return {
        "number": one.number,
        "transfers_upto": one.upto,
        "removed": one.removed,
        "removed_msats": one.amount,
        "made_at_ms": one.created_at,
        "complete": one.ended_at is not None,
        "statement": msgspec.json.decode(one.statement),
    }


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d")
