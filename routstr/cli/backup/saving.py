"""``routstr backup``: the node as it is at one moment, in one encrypted file.

A running node need not stop: the copy is one snapshot, and what is open in it is finished after a
restore as after a crash.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import typer
from rich.progress import Progress, TaskID
from sqlalchemy import Connection

from routstr.cli.backup import archive, postgres_copy, sqlite_copy
from routstr.cli.backup.files import appearing
from routstr.cli.backup.progress import bar
from routstr.cli.backup.stream import COST, Facts, SealedWriter
from routstr.cli.opening import existing_key
from routstr.cli.passphrase import ask_for_passphrase
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import fail
from routstr.core.clock import SystemClock
from routstr.core.db import sqlite
from routstr.core.db.migrate import revision_of
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.version import __version__
from routstr.wallet import seed


@dataclass(frozen=True, slots=True)
class _Secrets:
    """What is written beside the database."""

    key: NodeKey
    text: str
    passphrase: str
    cost: int


def run(
    settings: Settings, file: Path, phrase_file: Path | None, *, json: bool, cost: int = COST
) -> None:
    """Write the file, which must not exist; nobody but its owner may read it.

    ``cost`` is scrypt's; less is for tests only.
    """
    read_database(settings, lambda _: None)  # there is a database of this version
    if file.exists():
        fail(f"{file} exists: choose another name.")
    try:
        key = existing_key(settings)
        text = _text_of(settings)
        secrets = _Secrets(key, text, ask_for_passphrase(phrase_file, new=True), cost)
        with bar() as progress, appearing(file) as out:
            facts = save(settings, out, secrets, progress)
    except (*PROBLEMS, *postgres_copy.FAULTS) as error:
        fail(f"No backup was made: {explain(error)}.")
    if json:
        size = file.stat().st_size
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(facts), "bytes": size}))
        return
    typer.echo(
        f"{file} holds the database, the secret key and the wallet's words.\n"
        f"`routstr restore {file}` brings them back on an empty machine, with the passphrase.\n"
        "The settings of the environment are not in it."
    )


def save(settings: Settings, out: BinaryIO, secrets: _Secrets, progress: Progress) -> Facts:
    """Write everything; return what stands at the beginning of the file."""
    database = settings.database_file
    if database is None:
        return _save_postgres(settings.database_url.reveal(), out, secrets, progress)
    task = progress.add_task("Copying the database", total=None)
    with sqlite_copy.snapshot(
        database, lambda done, whole: progress.update(task, completed=done, total=whole)
    ) as copy:
        with _looking_into(copy) as connection:
            facts, words = _facts(connection, "sqlite"), seed.read_words(connection, secrets.key)
        writer = _begin(out, secrets, facts, words)
        task = progress.add_task("Encrypting", total=copy.stat().st_size)
        chunks = _counted(sqlite_copy.chunks(copy), progress, task)
        archive.add(writer, archive.SQLITE, chunks)
        archive.end(writer)
    return facts


def _save_postgres(url: str, out: BinaryIO, secrets: _Secrets, progress: Progress) -> Facts:
    with postgres_copy.snapshot(url) as snapshot:
        connection = snapshot.connection
        facts = _facts(connection, "postgresql")
        writer = _begin(out, secrets, facts, seed.read_words(connection, secrets.key))
        task = progress.add_task("Copying tables", total=len(snapshot.tables))
        for table in snapshot.tables:
            archive.add(writer, archive.TABLE + table, snapshot.rows(table))
            progress.advance(task)
        archive.end(writer)
    return facts


def _begin(out: BinaryIO, secrets: _Secrets, facts: Facts, words: str | None) -> SealedWriter:
    writer = SealedWriter(out, secrets.passphrase, facts, cost=secrets.cost)
    archive.add(writer, archive.KEY, [secrets.text.encode()])
    archive.add(writer, archive.WORDS, [(words or "").encode()])
    return writer


def _facts(connection: Connection, database: str) -> Facts:
    return Facts(
        program=__version__,
        revision=revision_of(connection) or "",
        database=database,
        made_at=SystemClock().now_ms(),
    )


def _text_of(settings: Settings) -> str:
    """The key itself, where the node has it from."""
    if settings.routstr_secret_key:
        return settings.routstr_secret_key.reveal().strip()
    return settings.routstr_secret_key_file.read_text("ascii").strip()


def _counted(chunks: Iterator[bytes], progress: Progress, task: TaskID) -> Iterator[bytes]:
    for chunk in chunks:
        progress.advance(task, len(chunk))
        yield chunk


@contextmanager
def _looking_into(copy: Path) -> Iterator[Connection]:
    engine = sqlite.engine(f"sqlite:///{copy}", read_only=True)
    try:
        with closing(engine.connect()) as connection:
            yield connection
    finally:
        engine.dispose()
