"""Asking for a balance back, and what the answer must have been."""

from dataclasses import dataclass
from typing import Any, Final

from routstr.auth.service import Payer
from routstr.errors import (
    BalanceTooSmall,
    InsufficientLiquidity,
    NothingToRefund,
    RefundBlocked,
)
from routstr.money import MSAT_PER_SAT, Msat, Unit
from routstr.payment import refund
from routstr.wallet.models import SagaKind, SagaState
from tests.fuzz.explain import Alternatives, Broken, Event, track
from tests.fuzz.model import Model, Refund, Stage, demand
from tests.fuzz.node import Node
from tests.fuzz.operations import NOT_DONE, NOTHING, UNDECIDED, Answer, Scene

_FEES_MSAT_MAX: Final = 6 * MSAT_PER_SAT
"""What a mint of ours may take for the few proofs of a small refund."""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Refund an account."""

    payer: Payer
    kind = "refund"

    async def ask(self, node: Node) -> refund.Refund:
        payer = self.payer
        return await node.refunds.refund(payer.account, payer.mint, Unit(payer.unit))

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if isinstance(answer.value, refund.Refund):
            return [[track(self.payer.account, self._given(answer.value, scene))]]
        error, account = answer.error, self.payer.account
        check = _REASONS.get(type(error))
        if check is not None:
            return [[track(account, lambda m: check(m, account, scene))]]
        if isinstance(error, InsufficientLiquidity) and not _payable(account, scene):
            return NOTHING
        scene.require_trouble(answer, self)
        if isinstance(error, NOT_DONE) and self._goes_on(scene):
            raise Broken(f"{self} is answered {answer}, and goes on")
        known = answer.lost or isinstance(error, (*NOT_DONE, *UNDECIDED, InsufficientLiquidity))
        if not known:
            raise Broken(f"{self} is answered {answer}: {error}")
        return NOTHING

    def _given(self, told: refund.Refund, scene: Scene) -> Event:
        saga, account = scene.issuer(told.token), self.payer.account
        if saga is None:
            raise Broken(f"a token is told that no refund made: {told.amount} {told.unit}")
        net = int(told.unit.to_msat(told.amount))

        def event(model: Model) -> None:
            demand(saga in model.refunds, f"refund {saga} is told before it is there")
            known = model.refunds[saga]
            right = known.account, known.net, known.gross
            demand((account, net, net + int(told.mint_fee)) == right, f"{told} is {known}")
            demand(known.stage in (Stage.ISSUED, Stage.CLAIMED), f"refund {saga} is {known}")
            if scene.calm:
                self._alone(model, saga, known, scene, repeated=told.repeated)

        return event

    def _alone(
        self, model: Model, saga: int, known: Refund, scene: Scene, *, repeated: bool
    ) -> None:
        """What only one client without any trouble can say."""
        before = scene.before.account(self.payer.account)
        demand(before.held == 0, "money is given back while requests run")
        demand(model.last_refund(self.payer.account) == saga, "it is not the last refund")
        demand(repeated == (saga in scene.before.refunds), f"repeated is {repeated}")
        if repeated:
            demand(known.deposited == before.deposited, "new money came in since")
        elif model.account(self.payer.account).available >= MSAT_PER_SAT:
            demand(not _payable(self.payer.account, scene), "there was enough to pay everything")

    def _goes_on(self, scene: Scene) -> bool:
        alone = sum(isinstance(o, GiveBack) and o.payer == self.payer for o in scene.asked) < 2
        new = (s for id_, s in scene.facts.sagas.items() if id_ not in scene.open_before)
        mine = (s.kind is SagaKind.SEND and s.account == self.payer.account for s in new)
        return alone and any(mine) and self._left_open(scene)

    def _left_open(self, scene: Scene) -> bool:
        return any(
            s.state is SagaState.OPEN and s.account == self.payer.account
            for s in scene.facts.sagas.values()
            if s.kind is SagaKind.SEND
        )


def _payable(account: int, scene: Scene) -> bool:
    """Whether any mint could have paid everything, by what the wallet still has there."""
    available = scene.before.account(account).available
    return any(
        0 < unit.from_msat_down(Msat(available)) <= amount
        for (_, unit), amount in scene.payable().items()
    )


def _blocked(model: Model, account: int, _scene: Scene) -> None:
    demand(model.account(account).held > 0, "a refund is blocked by nothing")


def _nothing(model: Model, account: int, scene: Scene) -> None:
    owner = model.account(account)
    demand(owner.available == 0, f"nothing to refund, there is {owner}")
    last = model.last_refund(account)
    if scene.calm and last is not None and model.refunds[last].stage is Stage.ISSUED:
        same = model.refunds[last].deposited == owner.deposited
        demand(not same, "the last token is not told again")


def _too_small(model: Model, account: int, _scene: Scene) -> None:
    available = model.account(account).available
    demand(0 < available <= _FEES_MSAT_MAX, f"{available} msat are too small")


_REASONS: Final[dict[Any, Any]] = {
    RefundBlocked: _blocked,
    NothingToRefund: _nothing,
    BalanceTooSmall: _too_small,
}
