"""``routstr restore``: a node back on an empty machine. Nothing is ever overwritten.

The whole file is read and proven first; only then anything is written: the secret key, then the
database, each whole or not at all, then this version's schema. Open movements are finished and the
wallet's counters compared with the mints when the node starts, as after a crash; and what it held
on the day of the backup may be given away since: no proof is, before its mint was asked.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import msgspec
import typer
from sqlalchemy.exc import SQLAlchemyError

from routstr.assembly.storage import made_with
from routstr.cli.backup import archive, postgres_copy
from routstr.cli.backup.files import appearing
from routstr.cli.backup.progress import bar
from routstr.cli.backup.stream import BackupBroken, Facts, SealedReader
from routstr.cli.passphrase import ask_for_passphrase
from routstr.cli.reading import PROBLEMS, explain
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.clock import SystemClock
from routstr.core.db import Database, migrate, postgres, sqlite
from routstr.core.node_key import KEY_BYTES, NodeKey, load_node_key
from routstr.core.settings import Settings
from routstr.wallet import doubts

Tell = Callable[[int], None]


def run(
    settings: Settings, file: Path, phrase_file: Path | None, *, check: bool, json: bool
) -> None:
    """Restore, or with ``check`` only prove that it could be done."""
    try:
        facts = _facts(file)
        if not check:
            _refuse_what_is_there(settings, facts)
        passphrase = ask_for_passphrase(phrase_file, new=False)
        size = file.stat().st_size
        with bar() as progress:
            task = progress.add_task("Checking the backup", total=size)
            key = prove(file, passphrase, lambda at: progress.update(task, completed=at))
            if not check:
                task = progress.add_task("Restoring", total=size)
                restore(
                    settings, file, passphrase, key, lambda at: progress.update(task, completed=at)
                )
    except (*PROBLEMS, *postgres_copy.FAULTS) as error:
        fail(f"Nothing was restored: {explain(error)}.")
    if not check:
        facts = msgspec.structs.replace(facts, revision=_finish(settings))
    _tell(settings, file, facts, check=check, json=json)


def prove(file: Path, passphrase: str, tell: Tell) -> str:
    """Read a backup to its end; return the secret key in it. Raises ``BackupBroken``."""
    key = b""
    with file.open("rb") as opened:
        reader = _unlocked(opened, passphrase)
        for name in archive.names(reader):
            for part in archive.parts(reader):
                key += part if name == archive.KEY else b""
                tell(opened.tell())
    try:
        complete = len(bytes.fromhex(key.decode("ascii"))) == KEY_BYTES
    except ValueError:
        complete = False
    if not complete:
        raise BackupBroken("there is no secret key in the backup")
    return key.decode("ascii")


def restore(settings: Settings, file: Path, passphrase: str, key: str, tell: Tell) -> None:
    """Write the key, then the database. The file was proven before."""
    _restore_key(settings, key)
    with file.open("rb") as opened:
        reader = _unlocked(opened, passphrase)
        if reader.facts.database == "sqlite":
            _restore_sqlite(settings, reader, lambda: tell(opened.tell()))
        else:
            _restore_postgres(settings, reader, lambda: tell(opened.tell()))


def _facts(file: Path) -> Facts:
    with file.open("rb") as opened:
        facts = SealedReader(opened).facts
    migrate.require_known(facts.revision)
    return facts


def _refuse_what_is_there(settings: Settings, facts: Facts) -> None:
    kind = "sqlite" if settings.database_file is not None else "postgresql"
    if facts.database != kind:
        fail(f"The backup is of {facts.database}, and DATABASE_URL names {kind}.", EXIT_USAGE)
    if settings.database_file is None:
        if not postgres_copy.is_empty(settings.database_url.reveal()):
            _refuse("the database of DATABASE_URL has tables")
        return
    file = settings.database_file
    for there in (
        file,
        *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm", "-journal")),
    ):
        if there.exists():
            _refuse(f"{there} exists")


def _refuse(what: str) -> NoReturn:
    fail(f"Nothing was restored: {what}. A restore overwrites nothing; name an empty place.")


def _unlocked(opened: BinaryIO, passphrase: str) -> SealedReader:
    reader = SealedReader(opened)
    reader.unlock(passphrase)
    return reader


def _restore_key(settings: Settings, key: str) -> None:
    """Write the key's file, unless the same key is there already or comes from the environment."""
    file = settings.routstr_secret_key_file
    if settings.routstr_secret_key or file.exists():
        theirs = NodeKey(bytes.fromhex(key)).fingerprint()
        if load_node_key(settings).fingerprint() != theirs:
            where = "ROUTSTR_SECRET_KEY" if settings.routstr_secret_key else str(file)
            _refuse(f"{where} is another secret key than that of the backup")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with appearing(file) as out:
        out.write(f"{key}\n".encode())


def _restore_sqlite(settings: Settings, reader: SealedReader, tell: Callable[[], None]) -> None:
    file = settings.database_file
    assert file is not None, "checked before"
    file.parent.mkdir(parents=True, exist_ok=True)
    with appearing(file) as out:
        for name in archive.names(reader):
            for part in archive.parts(reader):
                if name == archive.SQLITE:
                    out.write(part)
                tell()


def _restore_postgres(settings: Settings, reader: SealedReader, tell: Callable[[], None]) -> None:
    url = settings.database_url.reveal()
    migrate.upgrade(url, reader.facts.revision)
    with postgres_copy.filling(url) as filling:
        for name in archive.names(reader):
            parts = _told(archive.parts(reader), tell)
            if name.startswith(archive.TABLE):
                filling.take(name.removeprefix(archive.TABLE), parts)
            else:
                list(parts)


def _told(parts: Iterator[bytes], tell: Callable[[], None]) -> Iterator[bytes]:
    for part in parts:
        tell()
        yield part


def _finish(settings: Settings) -> str:
    """Bring the schema to this version's and make sure that key and database belong together."""
    url = settings.database_url.reveal()
    try:
        revision = migrate.upgrade(url)
        asyncio.run(_distrust(url))
        engine = (sqlite if settings.database_file else postgres).engine(url, read_only=True)
        try:
            with engine.connect() as connection:
                fits = made_with(connection, load_node_key(settings))
        finally:
            engine.dispose()
    except (ValueError, SQLAlchemyError, OSError) as error:
        fail(f"Everything is back, and cannot be used yet: {explain(error)}.")
    if not fits:
        fail("Everything is back, and the secret key does not belong to the database.")
    return revision


async def _distrust(url: str) -> None:
    """Let all proofs be compared with their mints before one of them is given away."""
    db, at = Database(url), SystemClock().now_ms()
    db.start()
    try:
        await db.write(lambda tx: doubts.distrust_all(tx, at))
    finally:
        await db.stop()


def _tell(settings: Settings, file: Path, facts: Facts, *, check: bool, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(facts), "restored": not check}))
    elif check:
        typer.echo(f"{file} is whole, made by version {facts.program}: it can be restored.")
    else:
        typer.echo(
            f"The node of {file} is back, with the schema of this version ({facts.revision}).\n"
            f"Its secret key is {settings.routstr_secret_key_file}.\n"
            "Now run routstr verify, then routstr doctor --mints. What the mints have signed "
            "since the backup is found when the node starts.\n"
            "Never run the old node again: two nodes with one wallet spend each other's ecash."
        )
