"""The form of an archive's file: gzip, and inside lines of text that ``docs/archive.md`` explains.

Its first line is :class:`Head`, its last the signed statement. Between them the transfers (``T``),
behind the last one that a seal covers the seal (``S``), the holds that leave (``H``), ``P`` at the
end of each part, and the opening sums (``A``, ``L``).
"""

import gzip
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

FILE: Final = "routstr-archive-file"
VERSION: Final = 1
END_OF_PART: Final = "P"
_LINE_BYTES_MAX: Final = 1 << 20
_LEVEL: Final = 6


class BadArchive(ValueError):
    """This file is no archive, or not as it was written; the message says what is wrong."""


class Head(Struct, frozen=True):
    """Where an archive begins: behind this transfer, this seal and this statement."""

    number: int
    after: int
    seal: int
    seal_digest: str
    previous: str
    type: str = FILE
    version: int = VERSION


class Lines(Protocol):
    """Takes the lines of a file."""

    def write(self, lines: Iterable[str]) -> None:
        """Write lines, without their ends."""
        ...

    def digest(self) -> str:
        """SHA-256 of all that was written, in hexadecimal digits."""
        ...


class _Writer:
    def __init__(self, file: gzip.GzipFile) -> None:
        self._file: Final = file
        self._digest: Final = sha256()

    def write(self, lines: Iterable[str]) -> None:
        text = "".join(f"{line}\n" for line in lines).encode()
        self._digest.update(text)
        self._file.write(text)

    def digest(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[Lines]:
    """Write a new file, closed to others; it appears under its name once it is on the disk.

    Raises ``FileExistsError``. After any other failure nothing is left.
    """
    if path.exists():
        raise FileExistsError(
            f"{path} exists, and nothing is overwritten: finish it with routstr archive resume,"
            " or, when routstr archive list has none that was made with it, delete it"
        )
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as raw:
            with gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed:
                yield _Writer(packed)
            raw.flush()
            os.fsync(raw.fileno())
        os.link(part, path)  # unlike a rename, this overwrites nothing
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def lines(path: Path) -> Iterator[str]:
    """Read a file line by line, without their ends. Raises :class:`BadArchive`, ``OSError``."""
    try:
        with gzip.open(path, "rb") as packed:
            while line := packed.readline(_LINE_BYTES_MAX):
                if not line.endswith(b"\n"):
                    raise BadArchive("a line is too long, or cut off")
                yield line[:-1].decode()
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise BadArchive(f"it is damaged: {error}") from None


def read_head(line: str) -> Head:
    """Read the first line. Raises :class:`BadArchive`."""
    try:
        head = msgspec.json.decode(line, type=Head)
    except msgspec.DecodeError:
        raise BadArchive("it does not begin as an archive does") from None
    if (head.type, head.version) != (FILE, VERSION):
        raise BadArchive("it is no archive, or of a version that is not known here")
    return head


def head_line(head: Head) -> str:
    """Write the first line."""
    return msgspec.json.encode(head).decode()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
