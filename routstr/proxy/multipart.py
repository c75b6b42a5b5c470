"""``multipart/form-data`` (RFC 7578) as it arrives: fields are kept, files go to a spool.

Fed with pieces of any size. What it reads is written anew for the provider by :func:`written`, so
nobody can hide a field from the node that the provider sees: the parts, their names and the
boundary are the node's own.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote_to_bytes

from routstr.errors import InvalidParameter, UnsupportedBody

HEAD_BYTES_MAX: Final = 4 * 1024
FIELD_BYTES_MAX: Final = 128 * 1024
PARTS_MAX: Final = 64

_BOUNDARY: Final = re.compile(rb'boundary=(?:"([^"\r\n]{1,70})"|([0-9A-Za-z\'()+_,./:=?-]{1,70}))')
_NAME: Final = re.compile(rb'[;\s]name="([^"\r\n]{1,128})"')
_FILE: Final = re.compile(rb'[;\s]filename="([^"\r\n]{0,255})"')
_FILE_EXTENDED: Final = re.compile(rb"[;\s]filename\*=[Uu][Tt][Ff]-8''([^;\s\"]{1,255})")
_SPECIAL: Final = re.compile(rb'[\0-\x1f"\\]')
_TYPE: Final = re.compile(rb"[0-9A-Za-z!#$&^_.+-]{1,64}/[0-9A-Za-z!#$&^_.+-]{1,64}")


@dataclass(frozen=True, slots=True)
class Field:
    """A part that is a plain value."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class File:
    """A part with a file name; its bytes lie in the spool from ``start`` to ``end``."""

    name: str
    filename: bytes
    content_type: bytes
    start: int
    end: int

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.end - self.start


Part = Field | File


class _At(Enum):
    BEGIN = auto()
    HEAD = auto()
    BODY = auto()
    END = auto()


def boundary_of(content_type: bytes) -> bytes:
    """The boundary that a request announces. Raises :class:`UnsupportedBody`."""
    kind, _, parameters = content_type.partition(b";")
    found = _BOUNDARY.search(parameters)
    if kind.strip().lower() != b"multipart/form-data" or found is None:
        raise UnsupportedBody("Send this as multipart/form-data with a boundary.")
    return found[1] or found[2]


class Reader:
    """Takes the body's bytes; gives those that belong into the spool."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter: Final = b"\r\n--" + boundary
        self._rest = b"\r\n"  # the first delimiter has no line before it
        self._at = _At.BEGIN
        self._spooled = 0
        self._name = ""
        self._file: tuple[bytes, bytes, int] | None = None
        self._value = bytearray()
        self.parts: Final[list[Part]] = []

    def feed(self, data: bytes) -> bytes:
        """Read on; return the bytes of files. Raises :class:`InvalidParameter`."""
        self._rest += data
        spooled: list[bytes] = []
        while self._step(spooled):
            pass
        return b"".join(spooled)

    def end(self) -> None:
        """The body is over. Raises :class:`InvalidParameter` when the form is not."""
        if self._at is not _At.END:
            raise _odd("it ends before its closing boundary")

    def _step(self, spooled: list[bytes]) -> bool:
        if self._at is _At.HEAD:
            return self._head()
        if self._at is _At.END:
            self._rest = b""
            return False
        at = self._rest.find(self._delimiter)
        if at < 0:
            self._take(spooled, max(0, len(self._rest) - len(self._delimiter)))
            return False
        behind = self._rest[at + len(self._delimiter) :][:2]
        if len(behind) < 2:  # noqa: PLR2004 - "--" or a line's end
            self._take(spooled, at)
            return False
        self._take(spooled, at)
        self._finish()
        self._rest = self._rest[len(self._delimiter) + 2 :]
        if behind == b"--":
            self._at = _At.END
        elif behind == b"\r\n":
            self._at = _At.HEAD
        else:
            raise _odd("a boundary is followed by something else")
        return True

    def _take(self, spooled: list[bytes], size: int) -> None:
        """So many bytes are of the part that is being read."""
        data, self._rest = self._rest[:size], self._rest[size:]
        if self._at is _At.BEGIN:
            if data.strip():
                raise _odd("there is something before the first part")
        elif self._file is not None:
            spooled.append(data)
            self._spooled += len(data)
        else:
            self._value += data
            if len(self._value) > FIELD_BYTES_MAX:
                raise _odd(f"the field {self._name!r} is longer than {FIELD_BYTES_MAX} bytes")

    def _finish(self) -> None:
        if self._at is not _At.BODY:
            return
        if self._file is None:
            self.parts.append(Field(self._name, bytes(self._value)))
        else:
            self.parts.append(File(self._name, *self._file, self._spooled))

    def _head(self) -> bool:
        end = self._rest.find(b"\r\n\r\n")
        if end < 0 or end > HEAD_BYTES_MAX:
            if len(self._rest) > HEAD_BYTES_MAX:
                raise _odd("the head of a part is too long")
            return False
        if len(self.parts) >= PARTS_MAX:
            raise _odd(f"it has more than {PARTS_MAX} parts")
        head, self._rest = self._rest[:end], self._rest[end + 4 :]
        self._read_head(head)
        self._value = bytearray()
        self._at = _At.BODY
        return True

    def _read_head(self, head: bytes) -> None:
        found: dict[bytes, bytes] = {}
        for line in head.split(b"\r\n"):
            name, colon, value = line.partition(b":")
            if not colon or name.strip().lower() in found:
                raise _odd("the head of a part cannot be read")
            found[name.strip().lower()] = value.strip()
        disposition = found.get(b"content-disposition", b"")
        names = _NAME.findall(disposition)
        if not disposition.lower().startswith(b"form-data") or len(names) != 1:
            raise _odd("a part has no name")
        try:
            self._name = names[0].decode()
        except UnicodeDecodeError:
            raise _odd("a part's name is not UTF-8") from None
        filename = _filename(disposition)
        kind = found.get(b"content-type", b"").partition(b";")[0].strip()
        kind = kind if _TYPE.fullmatch(kind) else b"application/octet-stream"
        self._file = None if filename is None else (filename, kind, self._spooled)


def _filename(disposition: bytes) -> bytes | None:
    """The name of a part's file, None for a plain field."""
    plain, extended = _FILE.findall(disposition), _FILE_EXTENDED.findall(disposition)
    if len(plain) > 1 or len(extended) > 1:
        raise _odd("a part has two file names")
    if extended:
        name = unquote_to_bytes(extended[0])
        return _SPECIAL.sub(b"_", name)
    if not plain and b"filename" in disposition.lower():
        raise _odd("a file's name cannot be read")
    return plain[0] if plain else None


def written(part: Part, boundary: bytes) -> bytes:
    """The head of a part as the provider gets it; for a field with its value and line end."""
    name = part.name.encode().replace(b'"', b"%22")
    head = b'--%b\r\nContent-Disposition: form-data; name="%b"' % (boundary, name)
    if isinstance(part, Field):
        return head + b"\r\n\r\n" + part.value + b"\r\n"
    return head + b'; filename="%b"\r\nContent-Type: %b\r\n\r\n' % (
        part.filename,
        part.content_type,
    )


def _odd(reason: str) -> InvalidParameter:
    return InvalidParameter(f"The form cannot be read: {reason}.")
