"""Tokens given to the node, and tokens that its operator takes out of what is the node's own."""

from dataclasses import dataclass, field
from typing import Final

from routstr.errors import (
    BalanceTooSmall,
    InsufficientLiquidity,
    InvalidParameter,
    SurplusTooSmall,
)
from routstr.money import Msat, Unit
from routstr.payment.donations import DONATION, donate
from routstr.payment.payout_books import WITHDRAW
from routstr.wallet.models import SagaState
from tests.fuzz.explain import Alternatives, Broken, track
from tests.fuzz.model import Model, demand
from tests.fuzz.node import Node
from tests.fuzz.offering import Offering, UserToken
from tests.fuzz.operations import NOT_DONE, NOTHING, UNDECIDED, Answer, Scene
from tests.fuzz.records import Stage
from tests.fuzz.refunding import FEES_MSAT_MAX

_OPERATOR: Final = -1


@dataclass(frozen=True)
class Donate(Offering):
    """Give a token to the node."""

    given: UserToken = field(repr=False)
    text: str = field(repr=False)

    @property
    def kind(self) -> str:
        return DONATION

    async def ask(self, node: Node) -> int:
        """The account that it went to."""
        saga = await donate(node.intake, self.text, None)
        if saga.account is None or int(saga.net_msat) != self.given.net:
            raise Broken(f"{self} is answered {saga}")
        return saga.account

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if answer.value is None:
            return self.refused(answer, scene)
        account: int = answer.value
        ys, net = self.given.ys, self.given.net
        return [[track(account, lambda m: m.redeem(ys, self.kind, account, net))]]


@dataclass(frozen=True, slots=True)
class Taken:
    """A token that the operator was told."""

    saga: int
    text: str = field(repr=False)
    worth: Msat


@dataclass(frozen=True, slots=True)
class TakeOut:
    """Take ecash out for the operator; ``again``: the one of an earlier saga, told once more."""

    mint: str
    unit: Unit
    amount: int
    again: int | None = None
    kind = "payout as token"

    async def ask(self, node: Node) -> Taken:
        if self.again is None:
            saga, text = await node.payouts.as_token(self.amount, self.mint, self.unit)
        else:
            saga, text = await node.payouts.token_again(self.again)
        return Taken(saga.id, text, saga.net_msat)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        told, error = answer.value, answer.error
        if isinstance(told, Taken):
            if scene.issuer(told.text) != told.saga:
                raise Broken(f"{self} is answered {told}, which it did not make")
            return [[track(_OPERATOR, lambda m: self._require_right(m, told))]]
        if isinstance(error, InvalidParameter) and self.again is not None:
            return [[track(_OPERATOR, self._require_undone)]]
        if scene.calm:
            self._require_reason(answer, scene)
        known = (SurplusTooSmall, InsufficientLiquidity, BalanceTooSmall, *NOT_DONE, *UNDECIDED)
        if not answer.lost and not isinstance(error, known):
            raise Broken(f"{self} is answered {answer}: {error}")
        if isinstance(error, NOT_DONE) and self._goes_on(scene):
            raise Broken(f"{self} is answered {answer}, and goes on")
        return NOTHING

    def _require_right(self, model: Model, told: Taken) -> None:
        demand(told.saga in model.refunds, f"{told} is told before it is there")
        it = model.refunds[told.saga]
        demand((it.account, it.net) == (None, int(told.worth)), f"{told} is {it}")
        demand(it.stage in (Stage.ISSUED, Stage.CLAIMED), f"{told} is {it}")

    def _require_undone(self, model: Model) -> None:
        assert self.again is not None, "it was asked for again"
        it = model.refunds[self.again]
        demand(it.stage is Stage.UNDONE, f"{self} is answered that there is none, it is {it}")

    def _require_reason(self, answer: Answer, scene: Scene) -> None:
        """Without trouble, what is not taken out could not be."""
        wanted = int(self.unit.to_msat(self.amount))
        there = scene.payable().get((self.mint, self.unit), 0)
        fate: dict[type[object], bool] = {
            SurplusTooSmall: scene.before.surplus < wanted,
            InsufficientLiquidity: self.unit.to_msat(there) < wanted + FEES_MSAT_MAX,
            BalanceTooSmall: wanted <= FEES_MSAT_MAX,
        }
        if not fate.get(type(answer.error), False):
            raise Broken(f"{self} is answered {answer} without any trouble")

    def _goes_on(self, scene: Scene) -> bool:
        alone = sum(isinstance(o, TakeOut) for o in scene.asked) < 2
        sagas = scene.facts.sagas.items()
        new = [s for id_, s in sagas if s.purpose == WITHDRAW and id_ not in scene.open_before]
        return alone and self.again is None and any(s.state is SagaState.OPEN for s in new)
