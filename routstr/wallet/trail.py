"""Where movements that sagas made went through, for whoever lists them later."""

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Connection, select
from sqlmodel import col

from routstr.wallet.models import IssuedState, IssuedToken, SagaKind, SagaRow


class Trace(Struct, frozen=True):
    """A saga's mint and kind; ``claimed`` is None when it gave no token out."""

    kind: SagaKind
    mint: str
    claimed: bool | None


def trail(connection: Connection, sagas: Iterable[int]) -> dict[int, Trace]:
    """Read what is known of sagas, by their ids; those that are none are left out."""
    rows = connection.execute(
        select(col(SagaRow.id), col(SagaRow.kind), col(SagaRow.mint), col(IssuedToken.state))
        .outerjoin(IssuedToken, col(IssuedToken.saga) == col(SagaRow.id))
        .where(col(SagaRow.id).in_(list(sagas)))
    )
    return {
        row[0] or 0: Trace(
            SagaKind(row[1]),
            row[2],
            None if row[3] is None else row[3] == IssuedState.CLAIMED,
        )
        for row in rows
    }
