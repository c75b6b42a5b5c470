"""PostgreSQL statements of the hot batch: one set-based statement each, arrays through UNNEST.

Rows are locked in id order before anything is decided, so two writers cannot deadlock; the node's
own accounts come last, once per batch.

These statements find their rows by their ids whatever the values are, so each is planned once for a
connection; planning costs about as much as carrying out.

A server that crashes may take back ids that it gave, along with the holds that had not reached its
log, while requests that know them go on. So whoever connects moves the sequence on by a random leap
before taking ids: no hold can be taken for a lost one.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from routstr.core.db.postgres_values import Row, binaries, numbers, texts, truths, whole
from routstr.core.db.steps import Steps
from routstr.ledger.entries import AccountRow, Decision, HoldRow, Stamp
from routstr.ledger.limits import LimitRow

_PLANNED: Final = "SET LOCAL plan_cache_mode TO force_generic_plan"
_LOAD_HOLDS: Final = (
    "SELECT id, account, amount, state, charged, uncollected, limit_id, limit_period FROM holds"
    " WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
)
_LOAD_ACCOUNTS: Final = (
    "SELECT id, posted, held, closed::int, version FROM accounts"
    " WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
)
_LOAD_OWNERS: Final = (
    "SELECT id, posted, held, closed::int, version FROM accounts WHERE id = ANY(%s::bigint[]"
    " || ARRAY(SELECT account FROM holds WHERE id = ANY(%s::bigint[]))) ORDER BY id FOR UPDATE"
)
_LOAD_LIMITS: Final = (
    "SELECT id, account, version, cap, reset, period, spent, forgiven, held FROM key_limits"
    " WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
)
_NEW_IDS: Final = (  # the sequence is looked up once, not for each id
    "SELECT nextval(s.id) FROM generate_series(1, %s), (SELECT"
    " pg_get_serial_sequence('holds', 'id')::regclass AS id OFFSET 0) AS s"
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
_Add = Callable[..., None]
"""Queues a statement with its values."""
_ADD: Final = "UPDATE accounts SET posted = posted + %s WHERE id = %s"


def load(
    raw: Any,  # noqa: ANN401
    ends: Sequence[int],
    accounts: Sequence[int],
    count: int,
) -> Steps[tuple[list[HoldRow], list[AccountRow], Sequence[int]]]:
    """Lock and read holds, then accounts, in one trip, and take ids."""
    pipe = raw.pipe
    if not pipe.plans_once:
        pipe.add(_PLANNED)
    if ends:
        pipe.add(_LOAD_HOLDS, numbers(ends))
        pipe.add(_LOAD_OWNERS, numbers(accounts), numbers(ends))
    else:
        pipe.add(_LOAD_ACCOUNTS, numbers(accounts))
    if count:
        pipe.add(_NEW_IDS, whole(count))
    found = yield
    ids = [int(row[0] or 0) for row in found.pop()] if count else ()
    owners = _accounts(found.pop())
    return _holds(found.pop()) if ends else [], owners, ids


def load_holds(raw: Any, ids: Sequence[int]) -> list[HoldRow]:  # noqa: ANN401
    """Lock and read holds."""
    return _holds(_ask(raw, _LOAD_HOLDS, numbers(ids)))


def load_accounts(raw: Any, ids: Sequence[int]) -> list[AccountRow]:  # noqa: ANN401
    """Lock and read accounts in id order."""
    return _accounts(_ask(raw, _LOAD_ACCOUNTS, numbers(ids)))


def load_limits(raw: Any, ids: Sequence[int]) -> Steps[list[LimitRow]]:  # noqa: ANN401
    """Lock and read limits in id order."""
    raw.pipe.add(_LOAD_LIMITS, numbers(ids))
    found = yield
    return [LimitRow(*_whole(row)) for row in found[-1]]


def skip_hold_ids(raw: Any) -> None:  # noqa: ANN401
    """Leap over ids that may have been given before a crash; effective at once, for everybody."""
    # of two who leap at once, one must not set it back
    raw.pipe.add(_LOCK_IDS, whole(_IDS_LOCK))
    raw.pipe.add(_SKIP_IDS, whole(secrets.randbits(_LEAP_BITS)))


def new_hold_ids(raw: Any, count: int) -> Sequence[int]:  # noqa: ANN401
    """Take ids from the table's sequence."""
    return [int(row[0]) for row in _ask(raw, _NEW_IDS, whole(count))]


def _ask(raw: Any, statement: str, value: bytes) -> list[Any]:  # noqa: ANN401
    raw.pipe.add(statement, value)
    rows: list[Any] = raw.pipe.run()[-1]
    return rows


def _holds(rows: Iterable[Row]) -> list[HoldRow]:
    return [HoldRow(*_whole(row)) for row in rows]


def _accounts(rows: Iterable[Row]) -> list[AccountRow]:
    whole_rows = [_whole(row) for row in rows]
    return [AccountRow(row[0], row[1], row[2], bool(row[3]), row[4]) for row in whole_rows]


def _whole(row: Sequence[bytes | None]) -> list[Any]:
    return [None if value is None else int(value) for value in row]


def store(raw: Any, decision: Decision, stamp: Stamp) -> None:  # noqa: ANN401
    """Queue what was decided; it goes with the COMMIT."""
    add = raw.pipe.add
    changed = [row for row in decision.accounts.values() if row.touched]
    if changed:
        add(
            _UPDATE_ACCOUNTS,
            numbers([r.id for r in changed]), numbers([r.posted for r in changed]),
            numbers([r.held for r in changed]), numbers([r.spent for r in changed]),
            numbers([r.requests for r in changed]), numbers([stamp.at] * len(changed)),
        )  # fmt: skip
    if decision.closed:
        add(_CLOSE_ACCOUNTS, numbers(decision.closed))
    if decision.placed:
        _store_placed(add, decision, stamp)
    if decision.ended:
        _store_ended(add, decision, stamp)
    if decision.limits.rows:
        _store_limits(add, decision)
    if decision.postings:
        _store_postings(add, decision, stamp)
    if decision.revenue:
        add(_ADD, whole(decision.revenue), whole(stamp.node.revenue))
    if decision.loss:
        add(_ADD, whole(-decision.loss), whole(stamp.node.loss))


def _store_placed(add: _Add, decision: Decision, stamp: Stamp) -> None:
    placed = decision.placed
    asked = [request for _, request, _ in placed]
    add(
        _INSERT_HOLDS,
        numbers([hold for hold, _, _ in placed]), numbers([r.account for r in asked]),
        numbers([amount for _, _, amount in placed]), numbers([stamp.owner] * len(placed)),
        texts([r.request_id for r in asked]), texts([r.model for r in asked]),
        texts([r.endpoint for r in asked]), numbers([r.price_version for r in asked]),
        texts([r.rates for r in asked]), numbers([stamp.at] * len(placed)),
    )  # fmt: skip


def _store_ended(add: _Add, decision: Decision, stamp: Stamp) -> None:
    ended = decision.ended.values()
    add(
        _END_HOLDS,
        numbers([h.id for h in ended]), numbers([h.state for h in ended]),
        numbers([h.charged for h in ended]), numbers([h.uncollected for h in ended]),
        numbers([h.prompt_tokens for h in ended]), numbers([h.completion_tokens for h in ended]),
        truths([h.estimated for h in ended]), texts([h.provider for h in ended]),
        numbers([h.own_cost for h in ended]), numbers([stamp.at] * len(ended)),
    )  # fmt: skip


def _store_limits(add: _Add, decision: Decision) -> None:
    changed = [row for row in decision.limits.rows.values() if row.touched]
    if changed:
        add(
            _UPDATE_LIMITS,
            numbers([r.id for r in changed]), numbers([r.period for r in changed]),
            numbers([r.spent for r in changed]), numbers([r.forgiven for r in changed]),
            numbers([r.held for r in changed]), numbers([r.charged for r in changed]),
            numbers([r.requests for r in changed]),
        )  # fmt: skip
    if decision.limited:
        add(_LIMIT_HOLDS, *(numbers(column) for column in zip(*decision.limited, strict=True)))


def _store_postings(add: _Add, decision: Decision, stamp: Stamp) -> None:
    postings = decision.postings
    add(
        _INSERT_TRANSFERS,
        numbers([p.debit for p in postings]), numbers([p.credit for p in postings]),
        numbers([p.amount for p in postings]), numbers([p.kind for p in postings]),
        binaries([p.key for p in postings]), numbers([p.reference for p in postings]),
        numbers([p.balance_after for p in postings]), numbers([stamp.at] * len(postings)),
    )  # fmt: skip
