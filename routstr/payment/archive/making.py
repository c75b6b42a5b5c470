"""Making an archive: the file first, proven by reading it again, then the rows leave.

A crash leaves either no row in ``archives``, and then nothing was removed and the file may be
deleted, or one that says how many parts have left: :meth:`Archiver.resume` goes on.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.ledger import archive_removal, archives, openings_store, seals
from routstr.ledger.archive_removal import CannotArchive, NotTheSame
from routstr.ledger.archives import Archived
from routstr.payment.archive import format as form
from routstr.payment.archive import parts, reading
from routstr.payment.archive import statement as statements
from routstr.payment.archive.format import Head, Lines
from routstr.payment.archive.parts import Read, Span
from routstr.payment.archive.planning import plan
from routstr.payment.archive.reading import Walk
from routstr.payment.archive.statement import Facts
from routstr.payment.signing import SigningKey

_PAUSE_SECONDS: Final = 0.02  # between parts: requests write meanwhile
_KEPT_ROWS: Final = 5_000


class Archiver:
    """Makes archives of one database. ``key`` signs them, ``seal_key`` is that of seals."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        key: SigningKey,
        seal_key: bytes,
        *,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._db: Final = db
        self._clock: Final = clock
        self._key: Final = key
        self._seal_key: Final = seal_key
        self._pause_s: Final = pause_seconds

    async def make(self, path: Path, until: int) -> Archived:
        """Write what is older than ``until`` (ms since 1970) to a new file, and remove it.

        Raises :class:`CannotArchive`, ``FileExistsError``, ``OSError``, and
        :class:`form.BadArchive` for rows that are not as they were sealed: nothing was removed.
        """
        span = await self._db.read(partial(plan, until=until))
        with form.writing(path) as out:
            statement = await self._write(out, span)
        try:
            await asyncio.to_thread(reading.prove, path)
        except form.BadArchive as error:
            newest = await self._db.read(archives.last)
            if newest is None or newest.number < span.number:
                raise
            await asyncio.to_thread(path.unlink)  # rows left while they were read
            raise parts.taken(span) from error
        made = Archived(
            number=span.number,
            upto=span.upto.upto,
            seal=span.upto.number,
            digest=span.upto.digest,
            statement=statement,
            proof=archive_removal.proof_of(self._seal_key, span.number, statement),
            created_at=self._clock.now_ms(),
        )
        try:
            await self._db.write(partial(archive_removal.begin, archive=made))
        except CannotArchive:
            await asyncio.to_thread(path.unlink)  # nobody will ever need it
            raise
        return await self.resume(path)

    async def resume(self, path: Path) -> Archived:
        """Remove what is left of the newest archive, whose file this is.

        Raises :class:`CannotArchive`, :class:`NotTheSame`, :class:`form.BadArchive`.
        """
        archive = await self._db.read(archives.last)
        if archive is None or archive.ended_at is not None:
            raise CannotArchive(
                "no archive is unfinished; a file of which routstr archive list knows nothing has"
                " removed nothing, and may be deleted"
            )
        proven = await asyncio.to_thread(reading.prove, path)
        if proven.statement != archive.statement:
            raise CannotArchive(f"this is not the file of archive {archive.number}")
        place = 0
        for part in Walk().parts(path):
            if place >= archive.parts:
                remove = partial(archive_removal.remove, archive=archive, place=place, part=part)
                if not await self._db.write(remove):
                    raise CannotArchive("somebody else is removing its rows, too")
                await asyncio.sleep(self._pause_s)
            place += 1
        return await self._end(archive, place)

    async def _end(self, archive: Archived, place: int) -> Archived:
        signed = statements.read(archive.statement).openings
        if await self._db.read(lambda c: openings_store.read(c).digest()) != signed:
            raise NotTheSame("what has left does not add up to what was signed")
        at = self._clock.now_ms()
        await self._db.write(lambda tx: archive_removal.end(tx, archive.number, place, at))
        ended = await self._db.read(archives.last)
        assert ended is not None, "it is there: it was read above"
        return ended

    async def _write(self, out: Lines, span: Span) -> str:
        """Write everything, and the statement at the end."""
        previous = await self._db.read(archives.last)
        before = statements.digest(previous.statement) if previous else ""
        after = span.after
        head = Head(span.number, after.upto, after.number, after.digest.hex(), before)
        out.write([form.head_line(head)])
        sums = await self._db.read(openings_store.read)
        kept = sha256()
        async for line in self._kept(after.upto):
            kept.update(f"{line}\n".encode())
        removed = amount = holds = 0
        async for read in self._parts(span):
            out.write([*read.lines, form.END_OF_PART])
            kept.update("".join(f"{line}\n" for line in read.kept).encode())
            amount += sums.add_rows(read.part.transfers.values(), read.part.holds.values())
            removed += len(read.part.transfers)
            holds += len(read.part.holds)
        out.write(sums.lines())
        statement = statements.make(
            Facts(
                number=span.number,
                transfers_upto=span.upto.upto,
                seal=span.upto.number,
                seal_digest=span.upto.digest.hex(),
                removed=removed,
                removed_msats=amount,
                holds=holds,
                kept=kept.hexdigest(),
                openings=sums.digest(),
                content=out.digest(),
                previous=before,
                made_at_ms=self._clock.now_ms(),
            ),
            self._key,
        )
        out.write([statement])
        return statement

    async def _parts(self, span: Span) -> AsyncIterator[Read]:
        at, more = span.after.upto, True
        while more:
            read = await self._db.read(partial(parts.charges, span=span, at=at))
            yield read
            at, more = read.at, read.more
        at, more = 0, True
        while more:
            read = await self._db.read(partial(parts.free, span=span, at=at))
            if read.lines:
                yield read
            at, more = read.at, read.more

    async def _kept(self, upto: int) -> AsyncIterator[str]:
        """The transfers up to an id that are still there."""
        at = 0

        def look(connection: Connection) -> list[tuple[int, str]]:
            return list(seals.lines(connection, at, upto, _KEPT_ROWS))

        while rows := await self._db.read(look):
            for _, line in rows:
                yield line
            at = rows[-1][0]
