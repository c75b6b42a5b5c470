"""Finding a paid request again by its id, to see whether it got as far as a charge.

There is no index on request ids, because every request would pay for it. Whoever may want to ask
later remembers the newest hold before the request began; only what came after it is looked through.
"""

from msgspec import Struct
from sqlalchemy import Connection, func, select
from sqlmodel import col

from routstr.ledger.entries import HoldState
from routstr.ledger.models import Hold
from routstr.money import Msat


class Served(Struct, frozen=True):
    """A request's hold; ``charged`` is what was taken of it so far."""

    request_id: str
    state: HoldState
    owner: int
    model: str
    prompt_tokens: int
    completion_tokens: int
    charged: Msat

    @property
    def settled(self) -> bool:
        """Whether the request was served and its charge made, in time or late."""
        return self.state in {HoldState.SETTLED, HoldState.LATE}


def newest_hold(connection: Connection) -> int:
    """Return the highest id that a hold has; 0 before the first."""
    return int(connection.execute(select(func.max(col(Hold.id)))).scalar_one() or 0)


def find_served(connection: Connection, request_id: str, *, after: int) -> Served | None:
    """Return the hold of a request, placed when ``after`` was the newest one or later."""
    row = connection.execute(
        select(
            col(Hold.request_id),
            col(Hold.state),
            col(Hold.owner),
            col(Hold.model),
            col(Hold.prompt_tokens),
            col(Hold.completion_tokens),
            col(Hold.charged),
        )
        .where(col(Hold.id) > after, col(Hold.request_id) == request_id)
        .order_by(col(Hold.id).desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return Served(row[0], HoldState(row[1]), row[2], row[3], row[4], row[5], Msat(row[6]))
