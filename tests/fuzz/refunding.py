"""Asking for money back, with a key or with a token that has paid, and what was answered."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from routstr.auth.service import Payer
from routstr.errors import (
    BalanceTooSmall,
    InsufficientLiquidity,
    NothingToRefund,
    RefundBlocked,
    RefundNotFound,
    RefundPending,
    TokenAlreadySpent,
)
from routstr.money import MSAT_PER_SAT, Msat, Unit
from routstr.payment import refund
from routstr.payment.claims import TOLD_MAX
from routstr.wallet.models import SagaKind, SagaState
from tests.fuzz.explain import Alternatives, Broken, Event, Track, track
from tests.fuzz.model import Model, demand
from tests.fuzz.node import Node
from tests.fuzz.offering import Bearing, UserToken
from tests.fuzz.operations import NOT_DONE, NOTHING, UNDECIDED, Answer, Scene
from tests.fuzz.records import Account, Stage

FEES_MSAT_MAX: Final = 6 * MSAT_PER_SAT
"""What a mint of ours may take for the few proofs of a small refund."""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Refund an account."""

    payer: Payer
    kind = "refund"

    async def ask(self, node: Node) -> refund.Refund:
        payer = self.payer
        return await node.refunds.refund(payer.account, payer.mint, Unit(payer.unit))

    def account_in(self, _scene: Scene) -> int | None:
        return self.payer.account

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        account = self.payer.account
        check = _REASONS.get(type(answer.error))
        if check is not None:
            return [[track(account, lambda m: check(m, account, scene))]]
        return _tracks(self, account, answer, scene)


@dataclass(frozen=True)
class ClaimChange(Bearing):
    """Ask for the change of what a token paid, with that token."""

    given: UserToken = field(repr=False)
    text: str = field(repr=False)
    kind = "claim change"

    async def ask(self, node: Node) -> refund.Refund:
        return (await node.x_cashu.claim(self.text))[1]

    def account_in(self, scene: Scene) -> int | None:
        """The account of the payment, when it has come to be by the end of the step."""
        known = scene.before.deposits.get(self.given.ys)
        if known is not None:
            return known.account if known.purpose == "payment" else None
        done = (s for s in scene.facts.sagas.values() if s.state is SagaState.DONE)
        mine = (s.account for s in done if (s.ys, s.purpose) == (self.given.ys, "payment"))
        return next(mine, None)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        account, error = self.account_in(scene), answer.error
        if isinstance(error, RefundNotFound):
            return [[Track(self.owners(scene), (self._never_paid,))]]
        if isinstance(error, TokenAlreadySpent):
            return [[Track(self.owners(scene), (lambda m: self.overlaps(m, scene),))]]
        if isinstance(error, RefundPending):
            return self._pending(account, answer, scene)
        if account is None and not isinstance(error, UNDECIDED) and not answer.lost:
            raise Broken(f"{self} is answered {answer}: {error}, and there is no payment")
        if account is None:
            scene.require_trouble(answer, self)
            return NOTHING
        if isinstance(error, BalanceTooSmall | NothingToRefund):
            return [[track(account, lambda m: _nothing_left(m, account, error))]]
        return _tracks(self, account, answer, scene)

    def _never_paid(self, model: Model) -> None:
        known = self.redeemed(model)
        demand(known is None or known.purpose != "payment", "a payment is called unknown")

    def _pending(self, account: int | None, answer: Answer, scene: Scene) -> Alternatives:
        if account is None:  # it is being redeemed, or was
            scene.require_trouble(answer, self)
            return NOTHING
        if scene.calm:
            return [[track(account, lambda m: _blocked(m, account, scene))]]
        return NOTHING


def _tracks(
    operation: GiveBack | ClaimChange, account: int, answer: Answer, scene: Scene
) -> Alternatives:
    if isinstance(answer.value, refund.Refund):
        of_key = isinstance(operation, GiveBack)
        return [[track(account, _given(account, answer.value, scene, of_key=of_key))]]
    error = answer.error
    owned = Msat(scene.before.accounts.get(account, Account()).available)
    if isinstance(error, InsufficientLiquidity) and not payable(owned, scene):
        return NOTHING
    scene.require_trouble(answer, operation)
    if isinstance(error, NOT_DONE) and _goes_on(account, scene):
        raise Broken(f"{operation} is answered {answer}, and goes on")
    known = answer.lost or isinstance(error, (*NOT_DONE, *UNDECIDED, InsufficientLiquidity))
    if not known:
        raise Broken(f"{operation} is answered {answer}: {error}")
    return NOTHING


def _given(account: int, told: refund.Refund, scene: Scene, *, of_key: bool) -> Event:
    parts: dict[int, refund.Part] = {}
    for part in (*told.parts, *told.earlier):
        saga = scene.issuer(part.token)
        if saga is None or saga in parts:
            raise Broken(f"a token is told that no refund made, or twice: {part}")
        parts[saga] = part
    new = [*parts][: len(told.parts)]

    def event(model: Model) -> None:
        for saga, part in parts.items():
            demand(saga in model.refunds, f"refund {saga} is told before it is there")
            known, net = model.refunds[saga], int(part.worth)
            right = known.account, known.net, known.gross
            demand((account, net, net + int(part.mint_fee)) == right, f"{part} is {known}")
            demand(known.stage in (Stage.ISSUED, Stage.CLAIMED), f"refund {saga} is {known}")
        if of_key:
            _require_all(model, account, parts.keys(), scene)
        demand(of_key or not told.earlier, "a payment's change tells of other tokens")
        if scene.calm:
            _require_best(model, account, frozenset(new), scene, told)
        if scene.calm and of_key:
            _require_in_place(model, account, new, [*parts][len(new) :])

    return event


def _require_all(model: Model, account: int, told: AbstractSet[int], scene: Scene) -> None:
    """Whatever was said of it before, and whatever happens: a token is told while it is good."""
    good = model.issued(account) & scene.before.issued(account)
    demand(good <= told or len(told) >= TOLD_MAX, f"of {sorted(good)} are told {sorted(told)}")


def _require_in_place(model: Model, account: int, new: list[int], earlier: list[int]) -> None:
    """What is of before money last came in is told for itself, the newest first."""
    old = sorted(model.issued(account).difference(new), reverse=True)
    demand(earlier == (old[:TOLD_MAX] if model.unredeemed(account) else []), f"earlier: {earlier}")


def _require_best(
    model: Model, account: int, sagas: AbstractSet[int], scene: Scene, told: refund.Refund
) -> None:
    """What only one client without any trouble can say."""
    before, now = scene.before.account(account), model.account(account)
    demand(before.held == 0, "money is given back while requests run")
    demand(told.repeated == (sagas <= scene.before.refunds.keys()), f"repeated: {told.repeated}")
    demand(not told.under_way, f"{told.under_way} msat are under way")
    right = model.unredeemed(account)
    others = model.issued(account) or model.given(account)
    may_be = not right and told.repeated and sagas <= others
    demand(sagas == right or may_be, f"of {right} are told {sagas}")
    demand(not payable(Msat(now.available), scene), f"{now.available} msat stay, and could be paid")


def _goes_on(account: int, scene: Scene) -> bool:
    asked = (o for o in scene.asked if isinstance(o, GiveBack | ClaimChange))
    alone = sum(o.account_in(scene) == account for o in asked) < 2
    sends = [s for s in scene.facts.sagas.items() if s[1].kind is SagaKind.SEND]
    mine = [(id_, s) for id_, s in sends if s.account == account]
    new = any(id_ not in scene.open_before for id_, _ in mine)
    return alone and new and any(s.state is SagaState.OPEN for _, s in mine)


def payable(amount: Msat, scene: Scene) -> bool:
    """Whether any mint could have paid some of it, by what the wallet still has there."""
    return any(
        unit.to_msat(min(unit.from_msat_down(amount), there)) > FEES_MSAT_MAX
        for (_, unit), there in scene.payable().items()
    )


def _blocked(model: Model, account: int, _scene: Scene) -> None:
    demand(model.account(account).held > 0, "a refund is blocked by nothing")


def _nothing(model: Model, account: int, scene: Scene) -> None:
    owner = model.account(account)
    demand(owner.available == 0, f"nothing to refund, there is {owner}")
    _require_all(model, account, frozenset(), scene)


def _too_small(model: Model, account: int, scene: Scene) -> None:
    available = model.account(account).available
    demand(0 < available <= FEES_MSAT_MAX, f"{available} msat are too small")
    _require_all(model, account, frozenset(), scene)


def _nothing_left(model: Model, account: int, error: object) -> None:
    """A payment of which no change was ever made, because there was too little of it."""
    demand(not model.given(account), "the change is not told again")
    available = model.account(account).available
    most = FEES_MSAT_MAX if isinstance(error, BalanceTooSmall) else 0
    demand(available <= most, f"{available} msat are too small")


_REASONS: Final[dict[Any, Callable[[Model, int, Scene], None]]] = {
    RefundBlocked: _blocked,
    NothingToRefund: _nothing,
    BalanceTooSmall: _too_small,
}
