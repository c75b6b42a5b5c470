"""Redeeming a token, and what the answer must have been."""

from dataclasses import dataclass, field

from routstr.auth.service import Payer
from routstr.errors import FeesExceedAmount, TokenAlreadySpent
from routstr.wallet.models import SagaState
from routstr.wallet.token import Token
from tests.fuzz.explain import Alternatives, Broken, Track, track
from tests.fuzz.mint import TalliedMint
from tests.fuzz.model import Deposit, Model, Ys, demand
from tests.fuzz.node import Node
from tests.fuzz.operations import NOT_DONE, NOTHING, UNDECIDED, Answer, Scene


@dataclass(slots=True)
class UserToken:
    """A token in a user's hands. ``net`` is msat after its mint's fee."""

    token: Token
    ys: Ys
    net: int
    mint: TalliedMint
    doubted: bool = False
    """A node has called it spent, and may say so again for a while."""


@dataclass(frozen=True, slots=True)
class Receive:
    """Redeem a token: into a new key, or as a top-up of ``payer``."""

    given: UserToken = field(repr=False)
    text: str = field(repr=False)
    payer: Payer | None
    bearer: bool = False

    @property
    def kind(self) -> str:
        return "create" if self.payer is None else "topup"

    async def ask(self, node: Node) -> int:
        """The account."""
        if self.payer is not None:
            saga = await node.auth.top_up(self.payer, self.text)
            if (saga.account, int(saga.net_msat)) != (self.payer.account, self.given.net):
                raise Broken(f"{self} is answered {saga}")
            return self.payer.account
        if self.bearer:
            return (await node.auth.payer(f"Bearer {self.text}")).account
        return (await node.auth.create_api_key(self.text)).payer.account

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        ys, error = self.given.ys, answer.error
        if answer.value is not None:
            account: int = answer.value
            return [[track(account, lambda m: m.redeem(ys, self.kind, account, self.given.net))]]
        if isinstance(error, TokenAlreadySpent):
            return [[Track(self._owners(scene), (lambda m: self._is_spent(m, scene),))]]
        if isinstance(error, FeesExceedAmount):
            demanded = (lambda _: demand(self.given.net <= 0, f"{self} is worth something"),)
            return [[Track(frozenset(), demanded)]]
        scene.require_trouble(answer, self)
        if isinstance(error, NOT_DONE):
            if self._goes_on(scene):
                raise Broken(f"{self} is answered {answer}, and goes on")
            free = (lambda m: demand(not self._is_mine(m), f"{answer}: it was redeemed"),)
            return [[Track(self._owners(scene), free)]]
        if not answer.lost and not isinstance(error, UNDECIDED):
            raise Broken(f"{self} is answered {answer}: {error}")
        return NOTHING

    def _owners(self, scene: Scene) -> frozenset[int]:
        """Accounts that have, or get in this step, what any part of the token is worth."""
        ours = self.given.ys
        have = {it.account for ys, it in scene.before.deposits.items() if not ours.isdisjoint(ys)}
        sagas = scene.facts.sagas.values()
        get = {it.account for it in sagas if it.account and not ours.isdisjoint(it.ys)}
        return frozenset(have | get)

    def _is_mine(self, model: Model) -> bool:
        known = model.deposits.get(self.given.ys)
        if known is None:
            return False
        account = known.account if self.payer is None else self.payer.account
        return known == Deposit(self.kind, account, self.given.net)

    def _is_spent(self, model: Model, scene: Scene) -> None:
        """Somebody has a part of it, or had it just now; nobody may have it for this very end."""
        ours = self.given.ys
        others = [o.given.ys for o in scene.asked if isinstance(o, Receive) and o is not self]
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
        account = None if self.payer is None else self.payer.account
        done = (s for s in scene.facts.sagas.values() if s.state is SagaState.DONE)
        now = {(s.ys, s.purpose, s.account) for s in done}
        now |= {(ys, d.purpose, d.account) for ys, d in scene.before.deposits.items()}
        return any(
            (ys, purpose) == (self.given.ys, self.kind) and account in (None, owner)
            for ys, purpose, owner in now
        )

    def _goes_on(self, scene: Scene) -> bool:
        alone = sum(isinstance(o, Receive) and o.given.ys == self.given.ys for o in scene.asked) < 2
        still = (s.ys for s in scene.facts.sagas.values() if s.state is SagaState.OPEN)
        return alone and self.given.ys in still
