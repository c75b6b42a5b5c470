"""Money that leaves over Lightning: balances, and the operator's profit; what was answered."""

from dataclasses import dataclass, field
from typing import Final

from routstr.auth.service import Payer
from routstr.errors import (
    BalanceTooSmall,
    InsufficientLiquidity,
    LightningFailed,
    NothingToRefund,
    PaymentTooDear,
    PayoutUnderWay,
    RefundBlocked,
    RefundUnderWay,
    RefundWithheld,
    SurplusTooSmall,
)
from routstr.money import MSAT_PER_SAT, Msat, Unit
from routstr.payment.lightning_refund import LightningRefund
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.sagas import Saga
from tests.fuzz.explain import Alternatives, Broken, Event, track
from tests.fuzz.facts import SagaFact
from tests.fuzz.lightning import Fortune
from tests.fuzz.mint import TalliedMint
from tests.fuzz.model import Model, demand
from tests.fuzz.node import Node
from tests.fuzz.operations import NOT_DONE, NOTHING, UNDECIDED, Answer, Scene
from tests.fuzz.records import Stage

_FEES_MSAT_MAX: Final = 20 * MSAT_PER_SAT
"""What mints of ours set aside for the few proofs and the fee of a small payment."""
_GOES_ON: Final = (RefundUnderWay, RefundWithheld, PayoutUnderWay)
_STAYS: Final = (
    *(*NOT_DONE, LightningFailed),
    *(InsufficientLiquidity, BalanceTooSmall, PaymentTooDear),
)


@dataclass(frozen=True, slots=True)
class SendBack:
    """Refund a balance to a Lightning address."""

    payer: Payer
    fortune: Fortune
    kind = "lightning refund"

    async def ask(self, node: Node) -> LightningRefund:
        payer, address = self.payer, f"{self.fortune}@users.example"
        return await node.lightning.pay(payer.account, payer.mint, Unit(payer.unit), address)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        told, error, account = answer.value, answer.error, self.payer.account
        if isinstance(told, LightningRefund):
            return [[track(account, self._paid(told))]]
        if isinstance(error, RefundBlocked):
            return [[track(account, lambda m: demand(m.account(account).held > 0, "no request"))]]
        if isinstance(error, NothingToRefund):
            return [[track(account, lambda m: demand(not m.account(account).available, "some"))]]
        if scene.calm:
            self._require_reason(answer, scene)
        mine = [s for s in _melts(scene) if s.account == account]
        _require_known(self, answer)
        _require_said(self, answer, mine, alone=_alone(self, scene))
        return NOTHING

    def _paid(self, told: LightningRefund) -> Event:
        sum_ = int(told.amount + told.mint_fee + told.lightning_fee)

        def event(model: Model) -> None:
            known = [it for it in model.leavings.values() if it.account == self.payer.account]
            done = [it.spent for it in known if it.stage is Stage.ISSUED]
            demand(sum_ in done, f"{told} is not among {done}")

        return event

    def _require_reason(self, answer: Answer, scene: Scene) -> None:
        """Without trouble, what is not paid could not be."""
        owned = scene.before.account(self.payer.account).available
        fate: dict[type[object], bool] = {
            LightningFailed: self.fortune is Fortune.FAILED,
            RefundWithheld: self.fortune in (Fortune.HANGS_PAID, Fortune.HANGS_FAILED),
            BalanceTooSmall: owned < _FEES_MSAT_MAX or not _payable(owned, scene),
            InsufficientLiquidity: not _payable(owned, scene),
        }
        if not fate.get(type(answer.error), False):
            raise Broken(f"{self} of {owned} is answered {answer} without any trouble")


@dataclass(frozen=True, slots=True)
class RefundExpired:
    """Pay out what expired keys hold, where their owners said; what it did the books say."""

    kind = "expired keys"

    async def ask(self, node: Node) -> int:
        return await node.expired.refund()

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if answer.value is None:
            scene.require_trouble(answer, self)
            if not answer.lost and not isinstance(answer.error, UNDECIDED):
                raise Broken(f"{self} is answered {answer}: {answer.error}")
        return NOTHING


@dataclass(frozen=True, slots=True)
class PayOut:
    """Pay the operator from what is the node's own; nothing said: all of it."""

    sats: int | None
    fortune: Fortune
    kind = "payout"

    async def ask(self, node: Node) -> Saga:
        address = f"{self.fortune}@operator.example"
        return await node.payouts.to_address(address, self.sats, None)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if isinstance(answer.error, SurplusTooSmall):
            if scene.calm:
                self._require_poor(scene)
            return NOTHING
        _require_known(self, answer)
        mine = [s for s in _melts(scene) if s.purpose == "payout"]
        _require_said(self, answer, mine, alone=_alone(self, scene))
        return NOTHING

    def _require_poor(self, scene: Scene) -> None:
        needed = (self.sats or 1) * MSAT_PER_SAT
        if scene.before.surplus >= needed and _payable(needed, scene):
            raise Broken(f"{self} is refused, there are {scene.before.surplus} msat")


@dataclass(frozen=True, slots=True)
class EndPayments:
    """What hangs at a mint ends there; no node is told."""

    mint: TalliedMint = field(repr=False)
    kind = "payments end"

    async def ask(self, _node: Node) -> None:
        self.mint.end_payments()

    def tracks(self, _answer: Answer, _scene: Scene) -> Alternatives:
        return NOTHING


def _melts(scene: Scene) -> list[SagaFact]:
    """Payments that began in this step."""
    sagas = scene.facts.sagas.items()
    return [s for id_, s in sagas if s.kind is SagaKind.MELT and id_ not in scene.open_before]


def _alone(operation: SendBack | PayOut, scene: Scene) -> bool:
    rivals = (type(operation), RefundExpired) if isinstance(operation, SendBack) else (PayOut,)
    return sum(isinstance(o, rivals) for o in scene.asked) < 2


def _require_known(operation: SendBack | PayOut, answer: Answer) -> None:
    known = (*_STAYS, *UNDECIDED, *_GOES_ON)
    if answer.value is None and not answer.lost and not isinstance(answer.error, known):
        raise Broken(f"{operation} is answered {answer}: {answer.error}")


def _require_said(
    operation: SendBack | PayOut, answer: Answer, new: list[SagaFact], *, alone: bool
) -> None:
    """Who is told that nothing has left is right."""
    moved = [saga for saga in new if saga.state is not SagaState.FAILED]
    if alone and isinstance(answer.error, _STAYS) and moved:
        raise Broken(f"{operation} is answered {answer}, and there is {moved}")


def can_leave(amount: int, there: dict[tuple[str, Unit], int]) -> bool:
    """Whether some mint has so much more than its fees that it could have been paid."""
    return amount >= _FEES_MSAT_MAX and any(
        int(unit.to_msat(has)) >= 2 * _FEES_MSAT_MAX for (_, unit), has in there.items()
    )


def _payable(amount: int, scene: Scene) -> bool:
    """Whether one mint has it all."""
    wanted = Msat(amount)
    return any(
        0 < unit.from_msat_down(wanted) <= there for (_, unit), there in scene.payable().items()
    )
