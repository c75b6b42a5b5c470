"""SQLite statements of the hot batch: many rows per INSERT and SELECT.

``executemany`` gives the interpreter lock away at each row and waits for it again, which costs more
than the row when the event loop is busy, so inserts carry up to 16 rows, or 32, 64, 128: few
hand-overs and few different texts for the statement cache. Updates stay row by row: joining a
VALUES list costs more than it saves.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from routstr.ledger.entries import AccountRow, Decision, HoldRow, Stamp
from routstr.ledger.limits import LimitRow

_CHUNK_ROWS_MAX: Final = 128
_ANY_ROWS_MAX: Final = 16
_SELECT_HOLDS: Final = (
    "SELECT h.id, h.account, h.amount, h.state, h.charged, h.uncollected, h.limit_id,"
    " h.limit_period, a.posted, a.held, a.closed, a.version"
    " FROM holds h JOIN accounts a ON a.id = h.account WHERE h.id IN ({rows})"
)
_OF_HOLD: Final = 8
"""How many of these columns are the hold's."""
_SELECT_ACCOUNTS: Final = (
    "SELECT id, posted, held, closed, version FROM accounts WHERE id IN ({rows})"
)
_SELECT_ACCOUNTS_AND_LAST: Final = (
    "SELECT id, posted, held, closed, version, (SELECT coalesce(max(id), 0) FROM holds)"
    " FROM accounts WHERE id IN ({rows})"
)
_SELECT_LIMITS: Final = (
    "SELECT id, account, version, cap, reset, period, spent, forgiven, held FROM key_limits"
    " WHERE id IN ({rows})"
)
_UPDATE_LIMITS: Final = (
    "UPDATE key_limits SET period = ?, spent = ?, forgiven = ?, held = ?,"
    " total_spent = total_spent + ?, total_requests = total_requests + ? WHERE id = ?"
)
_LIMIT_HOLDS: Final = "UPDATE holds SET limit_id = ?, limit_period = ? WHERE id = ?"
_UPDATE_ACCOUNTS: Final = (
    "UPDATE accounts SET posted = ?, held = ?, spent = spent + ?, requests = requests + ?,"
    " last_used_at = ? WHERE id = ?"
)
_UPDATE_HELD: Final = "UPDATE accounts SET held = ? WHERE id = ?"
_CLOSE_ACCOUNT: Final = "UPDATE accounts SET closed = 1 WHERE id = ?"
_INSERT_HOLDS: Final = (
    "INSERT INTO holds (id, account, amount, state, charged, uncollected, owner, request_id, model,"
    " endpoint, price_version, rates, prompt_tokens, completion_tokens, estimated, created_at)"
    " VALUES {rows}"
)
_END_HOLDS: Final = (
    "UPDATE holds SET state = ?, charged = ?, uncollected = ?, prompt_tokens = ?,"
    " completion_tokens = ?, estimated = ?, provider = ?, own_cost = ?, ended_at = ? WHERE id = ?"
)
_INSERT_TRANSFERS: Final = (
    "INSERT INTO transfers (debit, credit, amount, kind, key, reference, balance_after, created_at)"
    " VALUES {rows}"
)
_ADD: Final = "UPDATE accounts SET posted = posted + ? WHERE id = ?"

Speaker = sqlite3.Connection | sqlite3.Cursor
"""Who carries statements out: a cursor that is kept saves making one for each."""
T = TypeVar("T")
Row = tuple[int | str | bytes | bool | None, ...]


def load(
    raw: Speaker, ends: Sequence[int], accounts: Sequence[int], count: int
) -> tuple[list[HoldRow], list[AccountRow], Sequence[int]]:
    """Read what a batch is about; the file is locked already.

    Holds bring their accounts with them: a statement costs more than the columns.
    """
    holds: list[HoldRow] = []
    known: dict[int, AccountRow] = {}
    for chunk in _chunks(ends):
        for row in raw.execute(_text(_SELECT_HOLDS, len(chunk), "?"), chunk):
            holds.append(HoldRow(*row[:_OF_HOLD]))
            posted, held, closed, version = row[_OF_HOLD:]
            known[row[1]] = AccountRow(row[1], posted, held, bool(closed), version)
    highest: int | None = None
    left = [account for account in accounts if account not in known]
    statement = _SELECT_ACCOUNTS_AND_LAST if count else _SELECT_ACCOUNTS
    for chunk in _chunks(left):
        for account, posted, held, closed, version, *last in raw.execute(
            _text(statement, len(chunk), "?"), chunk
        ):
            known[account] = AccountRow(account, posted, held, bool(closed), version)
            highest = last[0] if last else None
    if not count:
        return holds, [*known.values()], ()
    ids = new_hold_ids(raw, count) if highest is None else _after(highest, count)
    return holds, [*known.values()], ids


def load_limits(raw: Speaker, ids: Sequence[int]) -> list[LimitRow]:
    """Read limits; the file is locked already."""
    return [
        LimitRow(*row)
        for chunk in _chunks(ids)
        for row in raw.execute(_text(_SELECT_LIMITS, len(chunk), "?"), chunk)
    ]


def speaker(raw: sqlite3.Connection) -> sqlite3.Cursor:
    """Who carries out the statements of every batch on a connection."""
    return raw.cursor()


def new_hold_ids(raw: Speaker, count: int) -> Sequence[int]:
    """Return the ids after the highest; the newest hold is never deleted."""
    [(highest,)] = raw.execute("SELECT coalesce(max(id), 0) FROM holds").fetchall()
    return _after(highest, count)


def _after(highest: int, count: int) -> Sequence[int]:
    return range(highest + 1, highest + 1 + count)


def store(raw: Speaker, decision: Decision, stamp: Stamp) -> None:
    """Write what was decided."""
    if decision.placed:
        _insert(
            raw,
            _INSERT_HOLDS,
            [
                (hold, r.account, amount, 0, 0, 0, stamp.owner, r.request_id, r.model, r.endpoint,
                 r.price_version, r.rates, 0, 0, 0, stamp.at)
                for hold, r, amount in decision.placed
            ],
        )  # fmt: skip
    _update(raw, decision, stamp.at)
    if decision.limits.rows:
        _update_limits(raw, decision)
    if decision.postings:
        _insert(
            raw,
            _INSERT_TRANSFERS,
            [
                (p.debit, p.credit, p.amount, p.kind, p.key, p.reference, p.balance_after, stamp.at)
                for p in decision.postings
            ],
        )
    if decision.revenue:
        raw.execute(_ADD, (decision.revenue, stamp.node.revenue))
    if decision.loss:
        raw.execute(_ADD, (-decision.loss, stamp.node.loss))


def _update(raw: Speaker, decision: Decision, at: int) -> None:
    accounts = decision.accounts.values()
    used = [(a.posted, a.held, a.spent, a.requests, at, a.id) for a in accounts if a.requests]
    held = [(a.held, a.id) for a in accounts if a.touched and not a.requests]
    if used:
        raw.executemany(_UPDATE_ACCOUNTS, used)
    if held:
        raw.executemany(_UPDATE_HELD, held)
    if decision.closed:
        raw.executemany(_CLOSE_ACCOUNT, [(account,) for account in decision.closed])
    if decision.ended:
        raw.executemany(
            _END_HOLDS,
            [
                (h.state, h.charged, h.uncollected, h.prompt_tokens, h.completion_tokens,
                 int(h.estimated), h.provider, h.own_cost, at, h.id)
                for h in decision.ended.values()
            ],
        )  # fmt: skip


def _update_limits(raw: Speaker, decision: Decision) -> None:
    changed = [row for row in decision.limits.rows.values() if row.touched]
    raw.executemany(
        _UPDATE_LIMITS,
        [(r.period, r.spent, r.forgiven, r.held, r.charged, r.requests, r.id) for r in changed],
    )
    raw.executemany(
        _LIMIT_HOLDS, [(limit, period, hold) for hold, limit, period in decision.limited]
    )


def _insert(raw: Speaker, statement: str, rows: Sequence[Row]) -> None:
    marks = f"({','.join('?' * len(rows[0]))})"
    for chunk in _chunks(rows):
        raw.execute(_text(statement, len(chunk), marks), [value for row in chunk for value in row])


def _chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut into powers of two, and what is left of fewer than 16."""
    start = 0
    while (left := len(rows) - start) > 0:
        size = left
        if left > _ANY_ROWS_MAX:
            size = min(_CHUNK_ROWS_MAX, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start += size


@lru_cache(maxsize=128)
def _text(statement: str, rows: int, row: str) -> str:
    return statement.format(rows=",".join([row] * rows))
