"""What was earned, by hour, model and provider: exact, and never counted on a request's way.

A background task adds transfers to sums, in the order of their ids and each once: the sums and how
far they reach change in one transaction, which only whoever read the present reach can make. So it
may crash anywhere and run on any number of instances. What lies behind the reach is added whenever
somebody asks, on the same snapshot: sums and rest equal the revenue accounts at any moment.

A charge belongs to the model, the provider and the moment at which it was made. ``own_cost`` is
what the provider takes for what was charged by its own prices, without the fees of this node.
Requests that cost their payer nothing have no transfer and are not here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct
from sqlalchemy import Connection, text

from routstr.ledger.kinds import AccountKind, TransferKind
from routstr.money import Msat

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
SPANS: Final = (HOUR, DAY)
TAIL_MAX: Final = 20_000
"""Transfers that are added up for whoever asks: far more than there ever are between two folds."""

Dimension = Literal["start", "model", "provider"]

_REVENUE: Final = f"(SELECT id FROM accounts WHERE name > '' AND kind = {AccountKind.REVENUE:d})"  # noqa: S608
"""The revenue accounts: one for each of a few instances that write at the same time."""
_AMOUNT: Final = f"CASE WHEN t.credit IN {_REVENUE} THEN t.amount ELSE -t.amount END"
_REQUEST: Final = f"t.kind = {TransferKind.CHARGE:d} OR h.charged = 0"
_CHARGES: Final = f"{TransferKind.CHARGE:d}, {TransferKind.LATE_LOSS:d}"
_ADDED: Final = f"""
SELECT t.created_at / {HOUR} * {HOUR} AS start, coalesce(h.model, '') AS model,
       coalesce(h.provider, '') AS provider,
       sum(CASE WHEN {_REQUEST} THEN 1 ELSE 0 END) AS requests,
       sum(CASE WHEN {_REQUEST} THEN h.prompt_tokens ELSE 0 END) AS prompt_tokens,
       sum(CASE WHEN {_REQUEST} THEN h.completion_tokens ELSE 0 END) AS completion_tokens,
       sum(CASE WHEN t.kind = {TransferKind.CHARGE:d} THEN {_AMOUNT} ELSE 0 END) AS charged,
       sum(CASE WHEN t.kind = {TransferKind.LATE_LOSS:d} THEN {_AMOUNT} ELSE 0 END) AS lost,
       sum(CASE WHEN t.kind IN ({_CHARGES}) THEN 0 ELSE {_AMOUNT} END) AS other,
       sum(CASE WHEN {_REQUEST} THEN h.own_cost ELSE 0 END) AS own_cost
FROM transfers t LEFT JOIN holds h ON h.id = t.reference AND t.kind IN ({_CHARGES})
WHERE t.id > :after AND t.id <= :upto AND (t.credit IN {_REVENUE} OR t.debit IN {_REVENUE})
GROUP BY 1, 2, 3
"""  # noqa: S608 - constants of this program
_REACH: Final = "SELECT coalesce(max(upto), 0) FROM usage_progress"
_END: Final = """
SELECT coalesce(max(id), :after), count(*) FROM (
  SELECT id FROM transfers WHERE id > :after ORDER BY id LIMIT :rows) AS part
"""


class Figures(Struct, frozen=True):
    """What some transfers add up to. Amounts are msat.

    ``lost`` is booked as revenue and as a loss at once; ``other`` is revenue of no request: what
    child keys cost.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    charged: int = 0
    lost: int = 0
    other: int = 0
    own_cost: int = 0

    def __add__(self, more: "Figures") -> "Figures":
        """Both together."""
        pairs = zip(_values(self), _values(more), strict=True)
        return Figures(*(one + other for one, other in pairs))

    @property
    def revenue(self) -> Msat:
        """What payers have paid."""
        return Msat(self.charged + self.other)

    @property
    def margin(self) -> int:
        """What is left of the revenue when the providers are paid, msat; below zero, a loss."""
        return self.charged + self.other - self.own_cost

    @property
    def booked(self) -> int:
        """What these transfers added to the revenue accounts."""
        return self.charged + self.lost + self.other


NOTHING: Final = Figures()
_SUMS: Final = ", ".join(f"sum({name})" for name in Figures.__struct_fields__)


class Group(Struct, frozen=True):
    """What figures belong to: the start of a span, a model, a provider; empty where not asked."""

    start: int = 0
    model: str = ""
    provider: str = ""


class Part(Struct, frozen=True):
    """Transfers above ``after`` and up to ``upto``, added up by the hour."""

    after: int
    upto: int
    sums: Mapping[Group, Figures]
    whole: bool = True


class Usage(Struct, frozen=True):
    """Figures by what was asked for. ``whole``: nothing is left out that is in the books."""

    groups: Mapping[Group, Figures]
    whole: bool = True

    @property
    def total(self) -> Figures:
        """All of them together."""
        return sum(self.groups.values(), NOTHING)


def reach(connection: Connection) -> int:
    """Up to which transfer the stored sums go."""
    return int(connection.execute(text(_REACH)).scalar_one())


def next_part(connection: Connection, *, rows: int, horizon: int = 0) -> Part:
    """Add up the next ``rows`` transfers behind the sums, none above ``horizon`` if it is given."""
    after = reach(connection)
    end, found = connection.execute(text(_END), {"after": after, "rows": rows}).one()
    upto = min(int(end), horizon) if horizon else int(end)
    if upto <= after:
        return Part(after, after, {})
    window = {"after": after, "upto": upto}
    sums = {
        _group(row): _figures(tuple(row)[3:]) for row in connection.execute(text(_ADDED), window)
    }
    return Part(after, upto, sums, whole=found < rows)


def usage(
    connection: Connection,
    since: int,
    until: int,
    by: Sequence[Dimension] = (),
    *,
    span: int = HOUR,
) -> Usage:
    """Tell what was earned in the spans that begin in ``[since, until)``, ms since 1970.

    ``span`` is an hour or a day (UTC), to which both moments have to be whole.
    """
    names = ", ".join(by)
    query = (
        f"SELECT {names or '1'}, {_SUMS} FROM usage_sums"  # noqa: S608 - names of columns
        f" WHERE span = :span AND start >= :since AND start < :until"
        + (f" GROUP BY {names}" if names else " HAVING count(*) > 0")
    )
    window = {"span": span, "since": since, "until": until}
    size = len(by) or 1
    groups: dict[Group, Figures] = {}
    for row in connection.execute(text(query), window):
        key = Group(**dict(zip(by, row, strict=False))) if by else Group()
        groups[key] = _figures(tuple(row)[size:])
    tail = next_part(connection, rows=TAIL_MAX)
    for group, figures in tail.sums.items():
        start = group.start // span * span
        if since <= start < until:
            all_of_it = {"start": start, "model": group.model, "provider": group.provider}
            key = Group(**{name: all_of_it[name] for name in by})  # type: ignore[arg-type]
            groups[key] = groups.get(key, NOTHING) + figures
    return Usage(groups, tail.whole)


def _group(row: Sequence[Any]) -> Group:
    return Group(int(row[0]), str(row[1]), str(row[2]))


def _figures(values: Sequence[Any]) -> Figures:
    return Figures(*(int(value) for value in values))


def _values(figures: Figures) -> tuple[int, ...]:
    return tuple(getattr(figures, name) for name in Figures.__struct_fields__)
