"""An SQLite database as it was at one moment, taken beside nodes that go on writing.

The copy is made from one read transaction: what others write meanwhile neither shows in it nor
makes it begin anew.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

Tell = Callable[[int, int], None]
"""Told how much is done, and how much there is."""
_PAGES: Final = 2_000
_CHUNK_BYTES: Final = 1 << 18


@contextmanager
def snapshot(file: Path, tell: Tell) -> Iterator[Path]:
    """A copy beside the database, closed to others; it is gone at the end."""
    copy = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    copy.touch(0o600, exist_ok=False)
    try:
        with closing(_open(file)) as source, closing(sqlite3.connect(copy)) as target:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(
                target,
                pages=_PAGES,
                progress=lambda _, left, whole: tell(whole - left, whole),
                sleep=0,
            )
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def chunks(file: Path) -> Iterator[bytes]:
    """Read a file piece by piece."""
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            yield chunk


def _open(file: Path) -> sqlite3.Connection:
    uri = f"{file.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=10, isolation_level=None)
