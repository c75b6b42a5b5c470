"""Searches the log, and puts a request's story together."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, final

from sqlalchemy import Connection

from routstr.admin.books.schemas import TransferInfo
from routstr.admin.keys.schemas import TokenInfo
from routstr.admin.logs.schemas import HoldInfo, LogDates, LogPage, Story
from routstr.auth import key_lists
from routstr.core import log_reading
from routstr.core.db import Database
from routstr.core.log_reading import LEVELS, Found, LogQuery, Position
from routstr.errors import InvalidParameter, NotFound
from routstr.ledger import requests
from routstr.ledger.kinds import AccountKind
from routstr.wallet import papers

PAGE: Final = 100
_DATES_MAX: Final = 30
_CHANGE_MAX: Final = 5
_NEAR_MS: Final = 2_000
_UNKNOWN_MS: Final = 600_000
"""How long a request may have taken of which the log does not tell."""
_ACCESS: Final = "api_request"
T = TypeVar("T")


@final
class LogDesk:
    """Reads the files below ``folder``, one search at a time, beside what serves."""

    def __init__(self, db: Database, folder: Path) -> None:
        self._db: Final = db
        self._folder: Final = folder
        self._turn: Final = asyncio.Lock()

    async def dates(self) -> LogDates:
        """List the days of which there are lines."""
        days = await self._read(lambda: log_reading.days(self._folder))
        return LogDates(dates=[day.isoformat() for day in days[:_DATES_MAX]])

    async def page(
        self, query: LogQuery, day: str = "", before: str = "", limit: int = PAGE
    ) -> LogPage:
        """Find lines; raises InvalidParameter."""
        if query.level and query.level not in LEVELS:
            raise InvalidParameter("There is no such level.", details={"param": "level"})
        only, start = _day(day), _position(before)
        found = await self._read(
            lambda: log_reading.search(self._folder, query, start=start, only=only, limit=limit)
        )
        return LogPage(
            logs=found.lines,
            total=len(found.lines),
            date=day or None,
            level=query.level,
            request_id=query.request_id,
            search=query.text,
            limit=limit,
            next_before=_written(found),
        )

    async def story(self, request_id: str, at: int | None = None, before: str = "") -> Story:
        """Tell of a request; ``at`` is about when it ended, Unix seconds.

        Without it the search begins at ``before``, or with the newest. Raises NotFound,
        InvalidParameter.
        """
        start = _position(before)

        def look() -> Found:
            if at is not None and start is None:
                return log_reading.around(self._folder, request_id, at * 1_000)
            return log_reading.search(self._folder, LogQuery(request_id), start=start)

        found = await self._read(look)
        lines = found.lines[::-1]
        access = next((line for line in lines if line.get("event") == _ACCESS), None)
        since, until = _span(lines, access, at)
        story = await self._db.read_statistics(
            lambda connection: _told(connection, request_id, since, until)
        )
        if not lines and not story.holds and (found.older is None or at is not None):
            raise NotFound("There is no trace of this request.")
        older = None if access is not None or at is not None else _written(found)
        return story.model_copy(update={"access": access, "lines": lines, "next_before": older})

    async def _read(self, work: Callable[[], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(work)


def _told(connection: Connection, request_id: str, since: int, until: int) -> Story:
    holds = requests.holds_of(connection, request_id, since, until)
    moved = [one for held in holds for one in requests.money_of(connection, held)]
    sides = {side.id for one in moved for side in (one.debit, one.credit)}
    keys = key_lists.owners(connection, {held.account for held in holds} | sides)
    given = [
        one
        for held in holds
        if held.kind is AccountKind.PAYMENT
        for one in papers.given_tokens(
            connection, "", account=held.account, limit=_CHANGE_MAX, before=None
        ).rows
    ]
    return Story(
        request_id=request_id,
        access=None,
        lines=[],
        holds=[HoldInfo.of(held, keys.get(held.account)) for held in holds],
        transfers=[TransferInfo.of(one, keys) for one in moved],
        change=[TokenInfo.of(one, None, by_operator=False) for one in given],
        next_before=None,
    )


def _span(
    lines: list[dict[str, Any]], access: dict[str, Any] | None, at: int | None
) -> tuple[int, int]:
    """Between which moments (ms) the request can have begun."""
    times = [ms for ms in map(_ms, lines) if ms is not None]
    if not times:
        return (0, -1) if at is None else (at * 1_000 - _UNKNOWN_MS, at * 1_000 + _NEAR_MS)
    ended = None if access is None else _ms(access)
    took = 0 if access is None else access.get("duration_ms")
    if ended is None or not isinstance(took, int | float):
        return times[0] - _UNKNOWN_MS, times[-1] + _NEAR_MS
    return ended - round(took) - _NEAR_MS, ended + _NEAR_MS


def seconds_of(line: dict[str, Any]) -> int:
    """When a line was written, Unix seconds; 0 if it does not say."""
    return (_ms(line) or 0) // 1_000


def _ms(line: dict[str, Any]) -> int | None:
    try:
        at = datetime.fromisoformat(str(line.get("timestamp")))
    except ValueError:
        return None
    return (at.astimezone(UTC) - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidParameter("A day is written 2026-12-31.", details={"param": "date"}) from None


def _position(text: str) -> Position | None:
    if not text:
        return None
    if (position := Position.read(text)) is None:
        raise InvalidParameter("Give next_before as it was told.", details={"param": "before"})
    return position


def _written(found: Found) -> str | None:
    return None if found.older is None else str(found.older)
