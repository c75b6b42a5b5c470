"""One request in the books, found by its id.

Holds are not indexed by it, as most are never looked for: they are looked for near a moment, among
the holds whose ids are of that time.
"""

from typing import Final, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, select
from sqlmodel import col

from routstr.ledger import browse
from routstr.ledger.browse import Entered, Filter
from routstr.ledger.entries import HoldState, charge_key
from routstr.ledger.kinds import AccountKind
from routstr.ledger.models import Account, Hold, Transfer
from routstr.money import Msat

_hold: Final = cast("ColumnElement[int]", col(Hold.id))
_transfer: Final = cast("ColumnElement[int]", col(Transfer.id))
_TIME: Final = cast("ColumnElement[int]", col(Hold.created_at))
_SCANNED_MAX: Final = 20_000
_HOLDS_MAX: Final = 50
"""A realtime session holds money anew for each of its answers."""
_TRANSFERS_MAX: Final = 20


class Held(Struct, frozen=True, kw_only=True):
    """A hold and what became of it; amounts are msat, times ms. ``account`` is what paid.

    ``rates`` is the price it was made at, ``own_cost`` what the provider takes for it.
    """

    id: int
    account: int
    kind: AccountKind
    state: HoldState
    amount: Msat
    charged: Msat
    uncollected: Msat
    model: str
    endpoint: str
    rates: str
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    provider: str
    own_cost: Msat
    created_at: int
    ended_at: int | None


def holds_of(connection: Connection, request_id: str, since: int, until: int) -> list[Held]:
    """Find the holds that a request made between two moments, the oldest first."""
    first = browse.first_since(connection, since, _hold, _TIME)
    rows = connection.execute(
        select(
            _hold,
            col(Hold.account),
            col(Account.kind),
            col(Hold.state),
            col(Hold.amount),
            col(Hold.charged),
            col(Hold.uncollected),
            col(Hold.model),
            col(Hold.endpoint),
            col(Hold.rates),
            col(Hold.prompt_tokens),
            col(Hold.completion_tokens),
            col(Hold.estimated),
            col(Hold.provider),
            col(Hold.own_cost),
            col(Hold.created_at),
            col(Hold.ended_at),
        )
        .join(Account, col(Account.id) == col(Hold.account))
        .where(
            _hold >= first,
            _hold < first + _SCANNED_MAX,
            col(Hold.created_at) <= until,
            col(Hold.request_id) == request_id,
        )
        .order_by(_hold)
        .limit(_HOLDS_MAX)
    )
    return [
        Held(
            id=row[0] or 0,
            account=row[1],
            kind=AccountKind(row[2]),
            state=HoldState(row[3]),
            amount=Msat(row[4]),
            charged=Msat(row[5]),
            uncollected=Msat(row[6]),
            model=row[7],
            endpoint=row[8],
            rates=row[9],
            prompt_tokens=row[10],
            completion_tokens=row[11],
            estimated=row[12],
            provider=row[13],
            own_cost=Msat(row[14]),
            created_at=row[15],
            ended_at=row[16],
        )
        for row in rows
    ]


def money_of(connection: Connection, held: Held) -> list[Entered]:
    """List what moved for it, the newest first.

    That is a key's charge, or all that a payment brought, paid and got back.
    """
    if held.kind is AccountKind.PAYMENT:
        whose = Filter(account=held.account)
        return browse.transfers(connection, whose, limit=_TRANSFERS_MAX, before=None)
    found = connection.execute(
        select(_transfer).where(col(Transfer.key) == charge_key(held.id))
    ).scalar()
    if found is None:
        return []
    return browse.transfers(connection, Filter(), limit=1, before=found + 1)
