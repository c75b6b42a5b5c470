"""What any request with a token may be answered, whatever the token is for."""

from dataclasses import dataclass
from typing import Final

from routstr.errors import FeesExceedAmount, TokenAlreadySpent, UntrustedMint
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.token import Token
from tests.fuzz.explain import Alternatives, Broken, Track
from tests.fuzz.foreign_mint import ForeignMint
from tests.fuzz.mint import TalliedMint
from tests.fuzz.model import Model, demand
from tests.fuzz.operations import NOT_DONE, NOTHING, UNDECIDED, Answer, Scene
from tests.fuzz.records import Deposit, Ys

PASSING: Final = -2
"""In place of an account: tokens of foreign mints on their way."""


@dataclass(slots=True)
class UserToken:
    """A token in a user's hands. ``net`` is msat after its mint's fee."""

    token: Token
    ys: Ys
    net: int
    mint: TalliedMint
    doubted: bool = False
    """A node has called it spent, and may say so again for a while."""

    @property
    def face(self) -> int:
        """In msat."""
        return int(self.token.unit.to_msat(self.token.amount))

    @property
    def is_foreign(self) -> bool:
        """Whether the node keeps no money at its mint."""
        return isinstance(self.mint, ForeignMint)


class Bearing:
    """A request that shows a token."""

    given: UserToken

    def owners(self, scene: Scene) -> frozenset[int]:
        """Accounts that have, or get in this step, what any part of the token is worth."""
        ours, sagas = self.given.ys, scene.facts.sagas.values()
        near = [i for i, ys in scene.before.ordered.items() if not ours.isdisjoint(ys)]
        new = (s for s in sagas if s.kind is SagaKind.FORWARD and not ours.isdisjoint(s.ys))
        ours = ours.union(*near, *(s.invoice for s in new))
        have = {it.account for ys, it in scene.before.deposits.items() if not ours.isdisjoint(ys)}
        get = {it.account for it in sagas if it.account and not ours.isdisjoint(it.ys)}
        return frozenset(have | get | ({PASSING} if self.given.is_foreign else set()))

    def redeemed(self, model: Model) -> Deposit | None:
        """What exactly this token was redeemed for."""
        return model.deposits.get(self.given.ys)

    def overlaps(self, model: Model, scene: Scene) -> None:
        """Demand that a part of the token, and not all of it, was brought to a node."""
        ours = self.given.ys
        others = [o.given.ys for o in scene.asked if isinstance(o, Offering)]
        others += [saga.ys for saga in scene.open_before.values()]
        near = any(other != ours and not ours.isdisjoint(other) for other in others)
        demand(self.redeemed(model) is None, "a token is called spent that is known as a whole")
        demand(near or model.overlaps(ours), "a token is called spent that nobody brought")


class Offering(Bearing):
    """A request that brings a token to be redeemed.

    ``kind`` is the purpose, as the node calls it; ``account`` the only one that it may be for.
    """

    @property
    def kind(self) -> str:
        raise NotImplementedError

    @property
    def account(self) -> int | None:
        return None

    def refused(self, answer: Answer, scene: Scene) -> Alternatives:
        """Explain an error, or no answer at all."""
        error = answer.error
        if isinstance(error, TokenAlreadySpent):
            return [[Track(self.owners(scene), (lambda m: self._is_spent(m, scene),))]]
        if isinstance(error, FeesExceedAmount):
            demanded = (lambda _: demand(self.given.net <= 0, f"{self} is worth something"),)
            return [[Track(frozenset(), demanded)]]
        if isinstance(error, UntrustedMint) and self.given.is_foreign:
            return NOTHING
        scene.require_trouble(answer, self)
        if isinstance(error, NOT_DONE):
            if self._goes_on(scene):
                raise Broken(f"{self} is answered {answer}, and goes on")
            free = (lambda m: demand(not self._is_mine(m), f"{answer}: it was redeemed"),)
            return [[Track(self.owners(scene), free)]]
        if not answer.lost and not isinstance(error, UNDECIDED):
            raise Broken(f"{self} is answered {answer}: {error}")
        return NOTHING

    def _is_mine(self, model: Model) -> bool:
        known = self.redeemed(model)
        if known is None:
            return False
        account = known.account if self.account is None else self.account
        return known == Deposit(self.kind, account, self.given.net)

    def _is_spent(self, model: Model, scene: Scene) -> None:
        """Somebody has a part of it, or had it just now; nobody may have it for this very end."""
        ours = self.given.ys
        others = [o.given.ys for o in scene.asked if isinstance(o, Offering) and o is not self]
        others += [saga.ys for saga in scene.open_before.values()]
        near = [other for other in others if not ours.isdisjoint(other)]
        demand(
            self.given.doubted
            or any(self.given.mint.spent_by_user(y) for y in ours)
            or any(other != ours for other in near)
            or (not self._becomes_mine(scene) and (model.overlaps(ours) or bool(near))),
            "a token is called spent that nobody redeemed, or that was redeemed for this end",
        )

    def _becomes_mine(self, scene: Scene) -> bool:
        """Whether the token has been redeemed for what is asked when all is over."""
        done = (s for s in scene.facts.sagas.values() if s.state is SagaState.DONE)
        now = {(s.ys, s.purpose, s.account) for s in done}
        now |= {(ys, d.purpose, d.account) for ys, d in scene.before.deposits.items()}
        return any(
            (ys, purpose) == (self.given.ys, self.kind) and self.account in (None, owner)
            for ys, purpose, owner in now
        )

    def _goes_on(self, scene: Scene) -> bool:
        ours = self.given.ys
        alone = sum(isinstance(o, Offering) and o.given.ys == ours for o in scene.asked) < 2
        still = (s.ys for s in scene.facts.sagas.values() if s.state is SagaState.OPEN)
        return alone and ours in still
