"""What stands in a node's database, read beside the node."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import NullPool, create_engine, text

from routstr.ledger.entries import CUSTOMERS, OPERATORS
from routstr.wallet.models import IssuedState, ProofStatus, SagaKind, SagaState

_KINDS: Final = ",".join(str(int(kind)) for kind in sorted(CUSTOMERS))
_OWN: Final = ",".join(str(int(kind)) for kind in sorted(OPERATORS))
_PAID: Final = f"kind = {int(SagaKind.MELT)} AND state = {int(SagaState.DONE)}"
_QUERY: Final = f"""
SELECT (SELECT count(*) FROM sagas WHERE state = {int(SagaState.OPEN)}),
       (SELECT count(*) FROM holds WHERE state = 0),
       (SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind IN ({_KINDS})),
       (SELECT coalesce(sum(deposited), 0) FROM accounts WHERE kind IN ({_KINDS})),
       (SELECT count(*) FROM issued_tokens WHERE state = {int(IssuedState.UNCLAIMED)}),
       (SELECT coalesce(sum(s.gross), 0) FROM issued_tokens i JOIN sagas s ON s.id = i.saga
        WHERE i.state = {int(IssuedState.UNCLAIMED)}),
       (SELECT coalesce(sum(s.fee), 0) FROM issued_tokens i JOIN sagas s ON s.id = i.saga),
       (SELECT coalesce(sum(k.counter), 0) FROM keysets k),
       (SELECT count(*) FROM sagas WHERE {_PAID}),
       (SELECT coalesce(sum(spent), 0) FROM sagas WHERE {_PAID}),
       (SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind IN ({_OWN}))
"""
_PROBLEMS: Final = f"SELECT id, purpose, problem FROM sagas WHERE state = {int(SagaState.OPEN)}"
_ELSEWHERE: Final = "UPDATE instances SET name = 'elsewhere/another:boot/' || id || '/1'"
_UNSPENT: Final = f"SELECT y FROM proofs WHERE status = {int(ProofStatus.UNSPENT)}"

_WORTH: Final = (
    f"SELECT coalesce(sum(amount), 0) FROM proofs WHERE status = {int(ProofStatus.UNSPENT)}"
)


@dataclass(frozen=True, slots=True)
class State:
    """A snapshot. Sums over customers are msat; of issued tokens and melts they are in the unit."""

    open_sagas: int
    open_holds: int
    posted: int
    deposited: int
    unclaimed: int
    unclaimed_gross: int
    issued_fees: int
    counters: int
    melts: int  # done
    melted: int  # what left with them, fees included
    own: int  # the operator's, in msat


class Books:
    """Reads one database; holds no connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def state(self) -> State:
        with self._engine.connect() as connection:
            row = connection.execute(text(_QUERY)).one()
        return State(*(int(value) for value in row))

    def problems(self) -> str:
        """Why sagas are open."""
        with self._engine.connect() as connection:
            rows = connection.execute(text(_PROBLEMS)).all()
        return "; ".join(f"saga {row[0]} ({row[1]}): {row[2]}" for row in rows)

    def move_away(self) -> None:
        """Let the nodes that have started so far be known as processes of another host."""
        with self._engine.connect() as connection:
            connection.execute(text(_ELSEWHERE))

    def unspent(self) -> list[bytes]:
        """The points of the proofs that the wallet counts as its own and free."""
        with self._engine.connect() as connection:
            return [bytes(row[0]) for row in connection.execute(text(_UNSPENT))]

    def unspent_sum(self) -> int:
        """What these proofs are worth, in their units."""
        with self._engine.connect() as connection:
            return int(connection.execute(text(_WORTH)).scalar_one())
