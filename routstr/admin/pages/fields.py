"""Reading what people write into forms. Amounts are written in sat, with up to three decimals."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

from routstr.errors import InvalidParameter
from routstr.money import MSAT_PER_SAT, Msat

Fields = Mapping[str, str]
_SAT: Final = re.compile(r"\d{1,15}(?:\.\d{1,3})?", re.ASCII)
_EITHER: Final = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+", re.ASCII)  # 1,000: one, or a thousand
_DAY: Final = timedelta(days=1)
_TRAIL_MAX: Final = 30


def plain(fields: Fields, name: str) -> str:
    """A number as it was written, with a point before its decimals, where some write a comma.

    Raises InvalidParameter for one that others would read as a thousand times as much.
    """
    given = fields.get(name, "").replace(" ", "")
    if _EITHER.fullmatch(given):
        whole = given.replace(",", "")
        told = f"{given} can be read in two ways: write {whole}, or a point before decimals."
        raise InvalidParameter(told, details={"param": name})
    return given.replace(",", ".")


def sat(fields: Fields, name: str) -> Msat | None:
    """An amount in sat, or None where nothing was written; raises InvalidParameter."""
    given = plain(fields, name)
    if not given:
        return None
    amount = int(Decimal(given) * MSAT_PER_SAT) if _SAT.fullmatch(given) else 0
    if not amount:
        raise InvalidParameter("Amounts are numbers above 0, in sat.", details={"param": name})
    return Msat(amount)


def plain_sat(msat: int) -> str:
    """An amount of msat in sat, as a form's field shows it."""
    return f"{Decimal(msat) / MSAT_PER_SAT:f}"


def day_end(fields: Fields, name: str) -> int | None:
    """The end of a day in UTC (Unix seconds), or None; raises InvalidParameter."""
    began = day_start(fields, name)
    return None if began is None else began + int(_DAY.total_seconds())


def coming_day_end(fields: Fields, name: str, now_ms: int) -> int | None:
    """The same of a day that is not over yet; raises InvalidParameter."""
    end = day_end(fields, name)
    if end is not None and end * 1_000 <= now_ms:
        raise InvalidParameter(f"{fields[name]} is over already.", details={"param": name})
    return end


def day_start(fields: Fields, name: str) -> int | None:
    """When a day begins in UTC (Unix seconds), or None; raises InvalidParameter."""
    given = fields.get(name, "").strip()
    if not given:
        return None
    try:
        day = datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidParameter("A day is written 2026-12-31.", details={"param": name}) from None
    return int(day.timestamp())


def days(fields: Fields) -> tuple[int | None, int | None]:
    """When the day ``from`` begins and the day ``to`` ends (Unix seconds), each or None.

    Raises InvalidParameter, also for a range that ends before it begins.
    """
    since, until = day_start(fields, "from"), day_end(fields, "to")
    if since is not None and until is not None and until <= since:
        raise InvalidParameter(
            f"{fields['to']} is before {fields['from']}.", details={"param": "to"}
        )
    return since, until


def last_day(end: int | None) -> str:
    """The last whole day before a moment (Unix seconds), as a form's field shows it."""
    if end is None:
        return ""
    return (datetime.fromtimestamp(end, UTC) - timedelta(seconds=1)).strftime("%Y-%m-%d")


class Turning:
    """Newer and older pages of a list that is read by ids.

    The address remembers where the pages before began: ``before`` is this one's, ``trail`` those of
    the newer ones.
    """

    def __init__(self, path: str, fields: Fields, kept: tuple[str, ...]) -> None:
        self._path = path
        self._kept = {name: fields[name] for name in kept if fields.get(name)}
        self.before = page_id(fields.get("before", ""))
        self._trail = [one for one in map(page_id, fields.get("trail", "").split(".")) if one][
            -_TRAIL_MAX:
        ]

    @property
    def newer(self) -> str:
        """The address of the page before; empty on the first."""
        if self.before is None:
            return ""
        return self._address(*self._trail[-1:], trail=self._trail[:-1])

    def older(self, next_before: int | None) -> str:
        """The address of the next page; empty when there is none."""
        if next_before is None:
            return ""
        here = [] if self.before is None else [self.before]
        return self._address(next_before, trail=[*self._trail, *here])

    @property
    def filters(self) -> str:
        """The filters as a query, for links to the same list in another form."""
        return urlencode(self._kept)

    def _address(self, *before: int, trail: list[int]) -> str:
        query: dict[str, str] = dict(self._kept)
        if before:
            query["before"] = str(before[0])
        if trail:
            query["trail"] = ".".join(map(str, trail[-_TRAIL_MAX:]))
        return f"{self._path}?{urlencode(query)}"


def page_id(text: str) -> int | None:
    """The id before which a page begins, or None for anything that is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None  # noqa: PLR2004
