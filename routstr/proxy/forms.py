"""Forms with files: read from the client into a spool, and written anew for the provider.

Never whole in memory: what is large lies on disk until the request is answered. The node reads the
whole form before it asks anybody for money, because the fields that decide the price may come after
the file, and because a client that uploads slowly must hold neither money nor a provider.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from starlette.types import Receive, Scope

from routstr.errors import (
    BodyTimeout,
    BodyTooLarge,
    InvalidParameter,
    UnsupportedBody,
)
from routstr.proxy.multipart import Field, File, Part, Reader, boundary_of, written
from routstr.proxy.spool import Spool
from routstr.proxy.wire import ClientGone, Head
from routstr.upstream.deadlines import Deadlines

FORM_IDLE_SECONDS: Final = 30.0
FORM_TOTAL_SECONDS: Final = 600.0
_UNENCODED: Final = frozenset({b"", b"identity"})


@dataclass(frozen=True, slots=True)
class FormLimits:
    """Bytes that a form may have (UPLOAD_BYTES_MAX), and seconds that a client may be silent."""

    form_bytes: int
    idle_s: float = FORM_IDLE_SECONDS


@dataclass(frozen=True, slots=True)
class Written:
    """A form for a provider: its bytes in pieces, how many they are, and their content type."""

    pieces: AsyncIterator[bytes]
    length: int
    content_type: str


class Form:
    """A form that was read. ``digest`` is of its parts: the same parts give the same digest."""

    __slots__ = ("_parts", "_spool", "digest")

    def __init__(self, parts: list[Part], spool: Spool, digest: bytes) -> None:
        self._parts: Final = parts
        self._spool: Final = spool
        self.digest: Final = digest

    def value(self, name: str) -> str | None:
        """One field as text; None without it. Raises :class:`InvalidParameter` for two."""
        found = [part for part in self._parts if part.name == name]
        if not found:
            return None
        (first, *others) = found
        if others or isinstance(first, File):
            raise InvalidParameter(f"'{name}' must be one value.", details={"param": name})
        try:
            return first.value.decode()
        except UnicodeDecodeError:
            raise InvalidParameter(f"'{name}' is not UTF-8.", details={"param": name}) from None

    def files(self, *names: str) -> list[File]:
        """The files under these names. Raises :class:`InvalidParameter` for a plain value."""
        found = [part for part in self._parts if part.name in names]
        files = [part for part in found if isinstance(part, File)]
        if len(files) < len(found):
            raise InvalidParameter(f"'{names[0]}' must be a file.", details={"param": names[0]})
        return files

    @property
    def names(self) -> set[str]:
        """The names of all parts."""
        return {part.name for part in self._parts}

    async def head(self, file: File, size: int) -> bytes:
        """How a file begins."""
        return await self._spool.read(file.start, min(file.end, file.start + size))

    def write(self, changes: Mapping[str, str]) -> Written:
        """The form for a provider, with some fields set anew."""
        boundary = secrets.token_hex(16).encode()
        changed: list[Part] = [Field(name, value.encode()) for name, value in changes.items()]
        parts = [part for part in self._parts if part.name not in changes] + changed
        end = b"--%b--\r\n" % boundary
        length = len(end)
        for part in parts:
            length += len(written(part, boundary))
            length += part.size + 2 if isinstance(part, File) else 0
        kind = f"multipart/form-data; boundary={boundary.decode()}"
        return Written(self._pieces(parts, boundary, end), length, kind)

    async def _pieces(self, parts: list[Part], boundary: bytes, end: bytes) -> AsyncIterator[bytes]:
        for part in parts:
            yield written(part, boundary)
            if isinstance(part, File):
                async for piece in self._spool.pieces(part.start, part.end):
                    yield piece
                yield b"\r\n"
        yield end


async def read_form(
    scope: Scope,
    receive: Receive,
    head: Head,
    spool: Spool,
    limits: FormLimits,
    deadlines: Deadlines,
) -> Form:
    """Read a request's form into ``spool``, which the caller closes.

    Raises ``UnsupportedBody``, ``BodyTooLarge``, ``BodyTimeout``, ``InvalidParameter`` or
    :class:`ClientGone`.
    """
    if head.encoding not in _UNENCODED:
        raise UnsupportedBody("Send the body without Content-Encoding.")
    if head.content_length > limits.form_bytes:
        raise _too_large(limits)
    kind = dict(scope["headers"]).get(b"content-type", b"")
    reader = Reader(boundary_of(kind))
    digest = blake2b()
    try:
        with deadlines.within(limits.idle_s) as deadline:
            deadline.shorten(FORM_TOTAL_SECONDS)
            size, more = 0, True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientGone
                data: bytes = message.get("body", b"")
                size += len(data)
                if size > limits.form_bytes:
                    raise _too_large(limits)
                content = reader.feed(data)
                digest.update(content)
                await spool.write(content)
                more = message.get("more_body", False)
                deadline.due = asyncio.get_running_loop().time() + limits.idle_s
    except TimeoutError:
        raise BodyTimeout from None
    reader.end()
    for part in reader.parts:
        digest.update(repr(part).encode())
    return Form(reader.parts, spool, digest.digest())


def _too_large(limits: FormLimits) -> BodyTooLarge:
    return BodyTooLarge(f"Forms of more than {limits.form_bytes} bytes are not accepted.")
