"""Rows as archives have them: text that is the same whichever database wrote it.

A transfer is the line that its seal hashes (:mod:`routstr.ledger.seals`), a hold a JSON array of
its columns in the order of :data:`COLUMNS`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, text

from routstr.ledger import seals
from routstr.ledger.kinds import TransferKind

COLUMNS: Final = (
    "id", "account", "amount", "state", "charged", "uncollected", "owner", "request_id", "model",
    "endpoint", "price_version", "rates", "prompt_tokens", "completion_tokens", "estimated",
    "provider", "own_cost", "created_at", "ended_at", "limit_id", "limit_period",
)  # fmt: skip
"""Of a hold."""
_NAMES: Final = ", ".join(COLUMNS)
_ESTIMATED: Final = COLUMNS.index("estimated")
_HOLDS: Final = f"SELECT {_NAMES} FROM holds WHERE id IN :ids ORDER BY id"  # noqa: S608 - constants
# settled for nothing, or released: no transfer tells of them
_FREE: Final = f"""
SELECT {_NAMES} FROM holds
WHERE id > :after AND id <= :upto AND state IN (1, 2) AND charged = 0 ORDER BY id LIMIT :rows
"""  # noqa: S608
_CHARGE: Final = int(TransferKind.CHARGE)


class NotARow(ValueError):
    """A line of an archive is no row; the message says which."""


class Charge(Struct, frozen=True):
    """A transfer of an archive; ``reference`` is the hold of a charge."""

    id: int
    debit: int
    credit: int
    amount: int
    kind: int
    reference: int
    created_at: int

    @property
    def is_charge(self) -> bool:
        """Whether it may leave, when its hold does."""
        return self.kind == _CHARGE


class HoldFacts(Struct, frozen=True, array_like=True):
    """A hold of an archive: :class:`routstr.ledger.models.Hold` says what each is."""

    id: int
    account: int
    amount: int
    state: int
    charged: int
    uncollected: int
    owner: int
    request_id: str
    model: str
    endpoint: str
    price_version: int
    rates: str
    prompt_tokens: int
    completion_tokens: int
    estimated: int
    provider: str
    own_cost: int
    created_at: int
    ended_at: int | None
    limit_id: int | None
    limit_period: int | None


def transfer_lines(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """Write transfers as they are hashed, by their ids."""
    line = seals.LINE[connection.dialect.name]
    query = text(f"SELECT id, {line} FROM transfers WHERE id IN :ids")  # noqa: S608 - constants
    found = connection.execute(query.bindparams(bindparam("ids", expanding=True)), _ids(ids))
    return {int(row[0]): str(row[1]) for row in found}


def hold_lines(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """Write holds, by their ids."""
    query = text(_HOLDS).bindparams(bindparam("ids", expanding=True))
    return {int(row[0]): _written(row) for row in connection.execute(query, _ids(ids))}


def free_holds(connection: Connection, *, after: int, upto: int, rows: int) -> dict[int, str]:
    """Write the next holds that have ended without a charge."""
    values = {"after": after, "upto": upto, "rows": rows}
    return {int(row[0]): _written(row) for row in connection.execute(text(_FREE), values)}


def read_transfer(line: str) -> Charge:
    """Read a transfer's line. Raises :class:`NotARow`."""
    try:
        number, debit, credit, amount, kind, _key, reference, _balance, at = line.split(",")
        values = (number, debit, credit, amount, kind, reference, at)
        return Charge(*(int(value) for value in values))
    except ValueError:
        raise NotARow(f"this is no transfer: {line[:80]}") from None


def read_hold(line: str) -> HoldFacts:
    """Read a hold's line. Raises :class:`NotARow`."""
    try:
        return msgspec.json.decode(line, type=HoldFacts)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise NotARow(f"this is no hold: {line[:80]}") from None


def _written(row: Sequence[Any]) -> str:
    values = list(row)
    values[_ESTIMATED] = int(values[_ESTIMATED])
    return msgspec.json.encode(values).decode()


def _ids(ids: Collection[int]) -> Mapping[str, list[int]]:
    return {"ids": list(ids)}
