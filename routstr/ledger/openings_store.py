"""Opening sums in the database: what all removed rows add up to."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection, TextClause, bindparam, text

from routstr.core.db import Tx
from routstr.core.db.upsert import insert_into
from routstr.ledger.archive_models import OpeningBalance, OpeningLimit
from routstr.ledger.openings import Allowance, Balance, Openings

_BALANCES: Final = "SELECT account, posted, spent, requests FROM opening_balances"
_LIMITS: Final = "SELECT limit_id, period, spent, total_spent, requests FROM opening_limits"


def read(connection: Connection) -> Openings:
    """Everything; costs memory for each account that has paid for a removed request."""
    sums = Openings()
    _fill(connection, sums, text(_BALANCES), text(_LIMITS), {})
    return sums


def add(tx: Tx, more: Openings) -> None:
    """Add sums to those that are stored; for one writer at a time."""
    accounts, limits = sorted(more.balances), sorted(more.limits)
    sums = Openings()
    _fill(tx.sql, sums, _some(_BALANCES, "account"), _some(_LIMITS, "limit_id"), {
        "balances": accounts, "limits": limits,
    })  # fmt: skip
    for account in accounts:
        _add_balance(sums.balances.setdefault(account, Balance()), more.balances[account])
    for limit in limits:
        new = more.limits[limit]
        _add_limit(sums.limits.setdefault(limit, Allowance(new.period)), new)
    _store(tx, sums, accounts, limits)


def _add_balance(one: Balance, more: Balance) -> None:
    one.posted += more.posted
    one.spent += more.spent
    one.requests += more.requests


def _add_limit(one: Allowance, more: Allowance) -> None:
    if more.period > one.period:
        one.period, one.spent = more.period, 0
    if more.period == one.period:
        one.spent += more.spent
    one.total_spent += more.total_spent
    one.requests += more.requests


def _fill(
    connection: Connection,
    sums: Openings,
    balances: TextClause,
    limits: TextClause,
    which: dict[str, Sequence[int]],
) -> None:
    wanted = {"numbers": which["balances"]} if which else {}
    for row in connection.execute(balances, wanted):
        sums.balances[int(row[0])] = Balance(*(int(value) for value in row[1:]))
    wanted = {"numbers": which["limits"]} if which else {}
    for row in connection.execute(limits, wanted):
        sums.limits[int(row[0])] = Allowance(*(int(value) for value in row[1:]))


def _some(query: str, column: str) -> TextClause:
    chosen = text(f"{query} WHERE {column} IN :numbers")
    return chosen.bindparams(bindparam("numbers", expanding=True))


def _store(tx: Tx, sums: Openings, accounts: Collection[int], limits: Collection[int]) -> None:
    """Write rows in the order of their ids, as hot batches lock accounts."""
    balances = [{"account": account, **_fields(sums.balances[account])} for account in accounts]
    allowances = [{"limit_id": limit, **_fields(sums.limits[limit])} for limit in limits]
    for table, key, rows in (
        (OpeningBalance, "account", balances),
        (OpeningLimit, "limit_id", allowances),
    ):
        if not rows:
            continue
        new = insert_into(tx, table)
        changes = {name: new.excluded[name] for name in rows[0] if name != key}
        tx.sql.execute(new.on_conflict_do_update(index_elements=[key], set_=changes), rows)


def _fields(one: Balance | Allowance) -> dict[str, int]:
    return {name: getattr(one, name) for name in one.__struct_fields__}
