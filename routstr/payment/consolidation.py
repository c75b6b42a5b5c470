"""Keeping the wallet fit to pay: proofs that are many or old are renewed, at the operator's cost.

The mint's fee comes out of what is the operator's own. Where that is less than the fee, proofs stay
as they are until it has grown: customers' money pays for no tidying up.
"""

from dataclasses import dataclass
from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.core.logging import get_logger
from routstr.errors import RoutstrError, SurplusTooSmall
from routstr.payment import transit
from routstr.payment.places import Spot
from routstr.wallet.consolidate import Consolidation
from routstr.wallet.models import SagaState
from routstr.wallet.sagas import Saga
from routstr.wallet.service import Wallet

_log = get_logger(__name__)

CONSOLIDATION: Final = "consolidation"
_ROUND_MAX: Final = 10
"""Swaps at one place in a row: the rest has time until the next round."""
_PAUSE_S: Final = 600.0
_PAUSE_S_MAX: Final = 86_400.0


class ConsolidationCompletion:
    """Sets the mint's fee aside, and books it when the mint has taken it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Refuse a fee that is not the operator's to pay."""
        transit.set_aside(tx, saga, saga.fee_msat, self._clock.now_ms())

    def done(self, tx: Tx, saga: Saga) -> int:
        """Let the fee go."""
        at = self._clock.now_ms()
        transit.leave(tx, saga, saga.fee_msat, at)
        return transit.transit_account(tx, at)

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Nothing was taken."""
        transit.put_back(tx, saga, saga.fee_msat, self._clock.now_ms())


@dataclass(frozen=True, slots=True)
class _Rest:
    """A place where it did not work is left alone, longer each time."""

    until_s: float
    pause_s: float


class Consolidations:
    """Tidies up at each listed mint. ``per_amount_max``: more proofs of one amount are too many."""

    def __init__(self, wallet: Wallet, clock: Clock, *, per_amount_max: int) -> None:
        self._wallet = wallet
        self._clock = clock
        self._per_amount_max = per_amount_max
        self._rests: dict[Spot, _Rest] = {}

    async def run(self) -> int:
        """Do what there is to do; return how many swaps were made."""
        places = [(h.mint, h.unit) for h in await self._wallet.holdings() if h.liquid]
        listed = self._wallet.mints.urls
        return sum([await self._tidy(place) for place in places if place[0] in listed])

    async def _tidy(self, place: Spot) -> int:
        rest = self._rests.get(place)
        if rest is not None and self._clock.monotonic() < rest.until_s:
            return 0
        mint, unit = place
        wish = Consolidation(mint, unit, self._per_amount_max, CONSOLIDATION)
        made = 0
        try:
            while made < _ROUND_MAX and (saga := await self._wallet.consolidate(wish)) is not None:
                if saga.state is not SagaState.DONE:
                    self._leave_alone(place)
                    return made
                _log.info("consolidated", saga=saga.id, mint=mint, unit=unit.value, fee=saga.fee)
                made += 1
        except SurplusTooSmall as error:
            _log.info("consolidation_waits", mint=mint, unit=unit.value, **error.details)
        except RoutstrError as error:  # this mint does not serve now; the others may
            _log.info("consolidation_failed", mint=mint, unit=unit.value, error=error.code)
            self._leave_alone(place)
        else:
            self._rests.pop(place, None)
        return made

    def _leave_alone(self, place: Spot) -> None:
        before = self._rests.get(place)
        pause_s = _PAUSE_S if before is None else min(before.pause_s * 2, _PAUSE_S_MAX)
        self._rests[place] = _Rest(self._clock.monotonic() + pause_s, pause_s)
