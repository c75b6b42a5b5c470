"""PostgreSQL statements of the hot batch: one set-based statement each, arrays through UNNEST.

Rows are locked in id order before anything is decided, so two writers cannot deadlock; the node's
own accounts come last, once per batch.

A server that crashes may take back ids that it gave, along with the holds that had not reached its
log, while requests that know them go on. So whoever connects moves the sequence on by a random leap
before taking ids: no hold can be taken for a lost one.
"""

import secrets
from collections.abc import Sequence
from typing import Any, Final

from routstr.ledger.entries import AccountRow, Decision, HoldRow, Stamp
from routstr.ledger.limits import LimitRow

_LOAD_HOLDS: Final = (
    "SELECT id, account, amount, state, charged, uncollected, limit_id, limit_period FROM holds"
    " WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
)
_LOAD_ACCOUNTS: Final = (
    "SELECT id, posted, held, closed, version FROM accounts"
    " WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
)
_LOAD_LIMITS: Final = (
    "SELECT id, account, version, cap, reset, period, spent, forgiven, held FROM key_limits"
    " WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
)
_NEW_IDS: Final = (
    "SELECT nextval(pg_get_serial_sequence('holds', 'id')) FROM generate_series(1, %s)"
)
_LOCK_IDS: Final = "SELECT pg_advisory_xact_lock(%s)"
_SKIP_IDS: Final = (
    "SELECT setval(s, nextval(s) + %s) FROM pg_get_serial_sequence('holds', 'id') AS s"
)
_IDS_LOCK: Final = 0x726F757473747202  # a name for the advisory lock
_LEAP_BITS: Final = 32  # far beyond what is lost; a million leaps are still exact in JSON
_UPDATE_ACCOUNTS: Final = (
    "UPDATE accounts a SET posted = n.posted, held = n.held, spent = a.spent + n.spent,"
    " requests = a.requests + n.requests,"
    " last_used_at = CASE WHEN n.requests > 0 THEN n.used_at ELSE a.last_used_at END"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
    " %s::bigint[]) AS n(id, posted, held, spent, requests, used_at) WHERE a.id = n.id"
)
_UPDATE_LIMITS: Final = (
    "UPDATE key_limits l SET period = n.period, spent = n.spent, forgiven = n.forgiven,"
    " held = n.held, total_spent = l.total_spent + n.charged,"
    " total_requests = l.total_requests + n.requests"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
    " %s::bigint[], %s::bigint[]) AS n(id, period, spent, forgiven, held, charged, requests)"
    " WHERE l.id = n.id"
)
_LIMIT_HOLDS: Final = (
    "UPDATE holds h SET limit_id = n.limit_id, limit_period = n.period"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS n(id, limit_id, period)"
    " WHERE h.id = n.id"
)
_CLOSE_ACCOUNTS: Final = "UPDATE accounts SET closed = true WHERE id = ANY(%s::bigint[])"
_INSERT_HOLDS: Final = (
    "INSERT INTO holds (id, account, amount, state, charged, uncollected, owner, request_id, model,"
    " endpoint, price_version, rates, prompt_tokens, completion_tokens, estimated, created_at)"
    " SELECT n.id, n.account, n.amount, 0, 0, 0, n.owner, n.request_id, n.model, n.endpoint,"
    " n.price_version, n.rates, 0, 0, false, n.created_at"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[],"
    " %s::text[], %s::bigint[], %s::text[], %s::bigint[])"
    " AS n(id, account, amount, owner, request_id, model, endpoint, price_version, rates,"
    " created_at)"
)
_END_HOLDS: Final = (
    "UPDATE holds h SET state = n.state, charged = n.charged, uncollected = n.uncollected,"
    " prompt_tokens = n.prompt_tokens, completion_tokens = n.completion_tokens,"
    " estimated = n.estimated, provider = n.provider, own_cost = n.own_cost,"
    " ended_at = n.ended_at"
    " FROM unnest(%s::bigint[], %s::smallint[], %s::bigint[], %s::bigint[], %s::bigint[],"
    " %s::bigint[], %s::boolean[], %s::text[], %s::bigint[], %s::bigint[])"
    " AS n(id, state, charged, uncollected, prompt_tokens, completion_tokens, estimated, provider,"
    " own_cost, ended_at)"
    " WHERE h.id = n.id"
)
_INSERT_TRANSFERS: Final = (
    "INSERT INTO transfers (debit, credit, amount, kind, key, reference, balance_after, created_at)"
    " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::smallint[], %s::bytea[],"
    " %s::bigint[], %s::bigint[], %s::bigint[])"
)
_ADD: Final = "UPDATE accounts SET posted = posted + %s WHERE id = %s"


def load_holds(raw: Any, ids: Sequence[int]) -> list[HoldRow]:  # noqa: ANN401
    """Lock and read holds."""
    rows = raw.execute(_LOAD_HOLDS, (list(ids),)).fetchall()
    return [HoldRow(*row) for row in rows]


def load_accounts(raw: Any, ids: Sequence[int]) -> list[AccountRow]:  # noqa: ANN401
    """Lock and read accounts in id order."""
    rows = raw.execute(_LOAD_ACCOUNTS, (list(ids),)).fetchall()
    return [AccountRow(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def load_limits(raw: Any, ids: Sequence[int]) -> list[LimitRow]:  # noqa: ANN401
    """Lock and read limits in id order."""
    return [LimitRow(*row) for row in raw.execute(_LOAD_LIMITS, (list(ids),)).fetchall()]


def skip_hold_ids(raw: Any) -> None:  # noqa: ANN401
    """Leap over ids that may have been given before a crash; effective at once, for everybody."""
    raw.execute(_LOCK_IDS, (_IDS_LOCK,))  # of two who leap at once, one must not set it back
    raw.execute(_SKIP_IDS, (secrets.randbits(_LEAP_BITS),))


def new_hold_ids(raw: Any, count: int) -> Sequence[int]:  # noqa: ANN401
    """Take ids from the table's sequence."""
    return [row[0] for row in raw.execute(_NEW_IDS, (count,)).fetchall()]


def store(raw: Any, decision: Decision, stamp: Stamp) -> None:  # noqa: ANN401
    """Write what was decided, in one round trip."""
    changed = [row for row in decision.accounts.values() if row.touched]
    with raw.pipeline():
        if changed:
            raw.execute(
                _UPDATE_ACCOUNTS,
                _columns((r.id, r.posted, r.held, r.spent, r.requests, stamp.at) for r in changed),
            )
        if decision.closed:
            raw.execute(_CLOSE_ACCOUNTS, (decision.closed,))
        if decision.placed:
            raw.execute(
                _INSERT_HOLDS,
                _columns(
                    (hold, r.account, amount, stamp.owner, r.request_id, r.model, r.endpoint,
                     r.price_version, r.rates, stamp.at)
                    for hold, r, amount in decision.placed
                ),
            )  # fmt: skip
        if decision.ended:
            raw.execute(
                _END_HOLDS,
                _columns(
                    (h.id, h.state, h.charged, h.uncollected, h.prompt_tokens,
                     h.completion_tokens, h.estimated, h.provider, h.own_cost, stamp.at)
                    for h in decision.ended.values()
                ),
            )  # fmt: skip
        if decision.limits.rows:
            _store_limits(raw, decision)
        if decision.postings:
            raw.execute(
                _INSERT_TRANSFERS,
                _columns(
                    (p.debit, p.credit, p.amount, p.kind, p.key, p.reference,
                     p.balance_after, stamp.at)
                    for p in decision.postings
                ),
            )  # fmt: skip
        if decision.revenue:
            raw.execute(_ADD, (decision.revenue, stamp.node.revenue))
        if decision.loss:
            raw.execute(_ADD, (-decision.loss, stamp.node.loss))


def _store_limits(raw: Any, decision: Decision) -> None:  # noqa: ANN401
    changed = [row for row in decision.limits.rows.values() if row.touched]
    if changed:
        raw.execute(
            _UPDATE_LIMITS,
            _columns(
                (r.id, r.period, r.spent, r.forgiven, r.held, r.charged, r.requests)
                for r in changed
            ),
        )
    if decision.limited:
        raw.execute(_LIMIT_HOLDS, _columns(decision.limited))


def _columns(rows: Any) -> list[list[Any]]:  # noqa: ANN401 - rows of plain column values
    return [list(column) for column in zip(*rows, strict=True)]
