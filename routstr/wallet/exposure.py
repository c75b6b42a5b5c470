"""How much may lie at one mint: what the operator would lose with it.

Counted is what the node itself has there, free or in a movement, and what is coming in; a token
that was given out is its owner's risk. A deposit that would pass the limit is refused while it is
whole; nothing else is: what leaves a mint, and what was paid already, always passes.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, literal_column, select
from sqlmodel import col

from routstr.core.db import Database
from routstr.errors import MintExposureReached
from routstr.money import ZERO, Msat, Unit
from routstr.wallet import purse
from routstr.wallet.models import ProofStatus, SagaKind, SagaRow, SagaState

_OPEN: Final[ColumnElement[int]] = literal_column(str(int(SagaState.OPEN)))  # as its index says
_COMING_IN: Final = (int(SagaKind.RECEIVE), int(SagaKind.MINT))


class Exposure:
    """The limits by mint: ``most_sat`` for each, unless ``by_mint`` says otherwise; 0 is none."""

    def __init__(
        self,
        db: Database,
        urls: tuple[str, ...],
        *,
        most_sat: int = 0,
        by_mint: Mapping[str, int] | None = None,
    ) -> None:
        limits = {url: (by_mint or {}).get(url, most_sat) for url in urls}
        self._db = db
        self._urls = urls
        self._limits = {url: Unit.SAT.to_msat(sat) for url, sat in limits.items() if sat}

    @property
    def limits(self) -> Mapping[str, Msat]:
        """What may lie at each mint that has a limit."""
        return self._limits

    async def rooms(self) -> Mapping[str, Msat]:
        """Tell what may still come in at each mint that has a limit."""
        return await self._db.read(self._rooms) if self._limits else {}

    async def require_room(self, mint: str, amount: Msat) -> None:
        """Refuse what would pass a mint's limit; :class:`MintExposureReached`."""
        if mint in self._limits:
            await self._db.read(lambda c: self.check(c, mint, amount))

    def check(self, connection: Connection, mint: str, amount: Msat) -> None:
        """Do the same inside of a transaction, which sees what others of this process began."""
        if mint not in self._limits:
            return
        rooms = self._rooms(connection)
        if amount > rooms[mint]:
            others = [url for url in self._urls if url not in rooms or amount <= rooms[url]]
            room = max(rooms[mint], ZERO)
            raise MintExposureReached(
                details={"mint": mint, "room_msat": int(room), "mints": others}
            )

    def _rooms(self, connection: Connection) -> Mapping[str, Msat]:
        lying = exposures(connection)
        return {url: most - lying.get(url, ZERO) for url, most in self._limits.items()}


def exposures(connection: Connection) -> dict[str, Msat]:
    """Add up what the node has at each mint, and what is coming in there."""
    found: dict[str, Msat] = {}

    def add(mint: str, amount: Msat) -> None:
        found[mint] = found.get(mint, ZERO) + amount

    for mint, unit, status, amount in purse.sums(connection):
        if status is not ProofStatus.ISSUED:
            add(mint, unit.to_msat(amount))
    for mint, unit_name, net in connection.execute(
        select(
            col(SagaRow.mint),
            col(SagaRow.unit),
            func.sum(col(SagaRow.gross) - col(SagaRow.fee)),
        )
        .where(col(SagaRow.state) == _OPEN, col(SagaRow.kind).in_(_COMING_IN))
        .group_by(col(SagaRow.mint), col(SagaRow.unit))
    ):
        add(mint, Unit(unit_name).to_msat(int(net)))
    return found
