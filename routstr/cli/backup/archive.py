"""What is inside a backup: named parts, each written as it comes, until an empty name ends them."""

from collections.abc import Iterable, Iterator
from typing import Final

from routstr.cli.backup.stream import BackupBroken, SealedReader, SealedWriter

KEY: Final = "secret key"
WORDS: Final = "words"
SQLITE: Final = "sqlite"
TABLE: Final = "table "
"""Before the name of a table of PostgreSQL, as ``COPY`` writes it."""
_NAME_BYTES_MAX: Final = 200
_PART_BYTES_MAX: Final = 1 << 24


def add(writer: SealedWriter, name: str, parts: Iterable[bytes]) -> None:
    """Write a part."""
    _put(writer, name.encode())
    for part in parts:
        if part:
            _put(writer, part)
    _put(writer, b"")


def end(writer: SealedWriter) -> None:
    """Write that there is no more."""
    _put(writer, b"")
    writer.close()


def names(reader: SealedReader) -> Iterator[str]:
    """Read the name of each part; :func:`parts` must be read to its end before the next one.

    After the last one the end of the file is proven.
    """
    while name := _take(reader, _NAME_BYTES_MAX):
        yield name.decode("utf-8", "replace")
    reader.finish()


def parts(reader: SealedReader) -> Iterator[bytes]:
    """Read what is in a part."""
    while part := _take(reader, _PART_BYTES_MAX):
        yield part


def _put(writer: SealedWriter, data: bytes) -> None:
    writer.write(len(data).to_bytes(4, "big") + data)


def _take(reader: SealedReader, most: int) -> bytes:
    length = int.from_bytes(reader.read(4), "big")
    if length > most:
        raise BackupBroken("a part of the backup is not as it is written")
    return reader.read(length)
