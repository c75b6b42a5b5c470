"""What an upload is kept in until it is paid for: memory while it is small, else a file on disk.

The file has no name in any folder, so nothing is left of it when the node ends, however it ends.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from types import TracebackType
from typing import IO, Final, Self

MEMORY_BYTES: Final = 256 * 1024
PIECE_BYTES: Final = 256 * 1024


class Spool:
    """Bytes that are written once, in order, and then read as often as needed."""

    __slots__ = ("_file", "_memory", "_memory_bytes", "size")

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._memory: Final = bytearray()
        self._memory_bytes: Final = memory_bytes
        self._file: IO[bytes] | None = None
        self.size = 0

    async def write(self, data: bytes) -> None:
        """Add bytes at the end."""
        self._memory.extend(data)
        self.size += len(data)
        if len(self._memory) > self._memory_bytes:
            await asyncio.to_thread(self._roll)

    def _roll(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._file.write(self._memory)
        self._memory.clear()

    async def read(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` to ``end``, which must not be very many."""
        on_disk = self.size - len(self._memory)
        data = b""
        if start < on_disk:
            data = await asyncio.to_thread(self._read_file, start, min(end, on_disk))
        if end > on_disk:
            data += self._memory[max(0, start - on_disk) : end - on_disk]
        return data

    def _read_file(self, start: int, end: int) -> bytes:
        assert self._file is not None, "what is not in memory is in the file"
        self._file.seek(start)
        data = self._file.read(end - start)
        self._file.seek(0, 2)
        return data

    async def pieces(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The same in pieces of a bounded size."""
        while start < end:
            until = min(end, start + PIECE_BYTES)
            yield await self.read(start, until)
            start = until

    def close(self) -> None:
        """Forget everything."""
        self._memory.clear()
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        """Close it at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it, however the block ended."""
        self.close()
