"""``routstr wallet export``: words, counters and proofs in one encrypted file."""

import asyncio
import os
from pathlib import Path

import msgspec
import typer

from routstr.cli.opening import existing_key, opened_database
from routstr.cli.passphrase import ask_for_passphrase
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import fail
from routstr.core.clock import SystemClock
from routstr.core.settings import Settings
from routstr.wallet import seed
from routstr.wallet.backup import COST, Backup, encrypt, read


def run(settings: Settings, file: Path, phrase_file: Path | None, *, json: bool) -> None:
    """Write the file, which must not exist; nobody but its owner may read it."""
    read_database(settings, lambda _: None)  # there is a database, and none is made
    if file.exists():
        fail(f"{file} exists: choose another name.")
    passphrase = ask_for_passphrase(phrase_file, new=True)
    try:
        backup = asyncio.run(_gather(settings))
        sealed = encrypt(backup, passphrase, cost=COST)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(sealed)
            out.flush()
            os.fsync(out.fileno())
    except PROBLEMS as error:
        fail(f"The wallet cannot be exported: {explain(error)}.")
    if json:
        counts = {"keysets": len(backup.keysets), "proofs": len(backup.proofs)}
        typer.echo(msgspec.json.encode(counts))
        return
    typer.echo(
        f"{file} holds the wallet's words, {len(backup.keysets)} counters and "
        f"{len(backup.proofs)} proofs.\n"
        f"`routstr wallet restore --backup {file}` brings them back, with the passphrase."
    )


async def _gather(settings: Settings) -> Backup:
    key = existing_key(settings)
    async with opened_database(settings, key) as db:
        words = await db.write(lambda tx: seed.stored_words(tx, key))
        if words is None:
            raise ValueError("there is no wallet yet")
        return await db.read(lambda c: read(c, words, SystemClock().now_ms()))
