"""What clients and the node's own tasks ask for, and what the answers must have been.

``ask`` does it on a node. ``tracks`` turns the answer into events of the model: alternatives where
the answer was lost. An answer that can never be right raises :class:`Broken` at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from routstr.auth.service import Payer
from routstr.errors import (
    BalanceChanged,
    DatabaseUnavailable,
    FeesExceedAmount,
    InvalidToken,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    OutcomeUnknown,
    RedemptionPending,
    RoutstrError,
    TokenAlreadySpent,
)
from routstr.ledger.entries import Held, HoldRequest, Refused, Settled, Settlement
from routstr.money import Msat, Unit
from routstr.wallet.sagas import LeaseLost
from routstr.wallet.token import Token
from tests.fuzz.explain import Alternatives, Broken, Event
from tests.fuzz.facts import Facts, HoldFact, SagaFact
from tests.fuzz.mint import TalliedMint
from tests.fuzz.model import Deposit, End, Hold, Model, Ys, demand
from tests.fuzz.node import Node

NOT_DONE: Final = (MintUnreachable, MintRateLimited, MintRefused, InvalidToken)
"""Say that nothing was moved."""
UNDECIDED: Final = (
    *(RedemptionPending, LeaseLost, OutcomeUnknown, DatabaseUnavailable, BalanceChanged),
)
"""Say: ask again."""
NOTHING: Final[Alternatives] = [[]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client was told; neither: it never heard."""

    value: Any = None
    error: RoutstrError | None = None

    @property
    def lost(self) -> bool:
        return self.value is None and self.error is None

    def __str__(self) -> str:
        if self.lost:
            return "no answer"
        return f"{self.value}" if self.error is None else type(self.error).__name__


@dataclass(frozen=True, slots=True)
class Scene:
    """One step seen from outside: what was asked together, and the books before and after."""

    before: Model
    facts: Facts
    asked: Sequence["Operation"]
    open_before: dict[int, SagaFact]
    calm: bool
    """One client, no trouble, nothing left open: only the right answer will do."""
    issuer: Callable[[str], int | None]
    """The refund that made a token, by the token's text."""
    payable: Callable[[], dict[tuple[str, Unit], int]]
    """What the wallet can spend after it, by mint and unit."""

    def require_trouble(self, answer: Answer, operation: "Operation") -> None:
        if self.calm:
            raise Broken(f"{operation} is answered {answer} without any trouble")

    def hold_of(self, request: str) -> tuple[int, HoldFact] | None:
        found = ((id_, it) for id_, it in self.facts.holds.items() if it.request == request)
        return next(found, None)


class Operation(Protocol):
    """One request."""

    @property
    def kind(self) -> str: ...
    async def ask(self, node: Node) -> Any: ...
    def tracks(self, answer: Answer, scene: Scene) -> Alternatives: ...


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Set money aside for a request."""

    account: int
    minimum: int
    wanted: int
    request: str
    kind = "hold"

    async def ask(self, node: Node) -> Held | Refused:
        amounts = Msat(self.minimum), Msat(self.wanted)
        answer = await node.ledger.hold(
            HoldRequest(self.account, *amounts, self.request, "model", "chat", 1, "")
        )
        if isinstance(answer, Held):
            node.live.add(answer.hold)
        return answer

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if isinstance(answer.error, DatabaseUnavailable):
            return NOTHING
        if isinstance(answer.value, Refused):
            return [[[self._refused(answer.value)]]]
        row = scene.hold_of(self.request)
        if isinstance(answer.value, Held):
            if row is None or row[0] != answer.value.hold:
                raise Broken(f"{self} is answered {answer}, the books have {row}")
            return [[[self._placed(row[0], answer.value)]]]
        scene.require_trouble(answer, self)
        if row is None:
            return NOTHING
        hold, fact = row
        events: list[Event] = [self._placed(hold, None)]
        if fact.hold.end is End.RELEASED and not _asked_to_end(hold, scene):
            events.append(lambda m: m.release(hold))  # nobody waited for it any more
        return [[events]]

    def _placed(self, hold: int, told: Held | None) -> Event:
        def event(model: Model) -> None:
            amount = model.place(hold, self.account, self.minimum, self.wanted)
            right = amount, model.account(self.account).available
            if told is not None:
                said = int(told.amount), int(told.available)
                demand(said == right, f"{self} is answered {told}, should be {right}")

        return event

    def _refused(self, told: Refused) -> Event:
        def event(model: Model) -> None:
            owner = model.account(self.account)
            demand(owner.available < self.minimum, f"{self} is refused, there is {owner}")
            said = int(told.available), int(told.reserved), told.closed
            demand(said == (owner.available, owner.held, False), f"{told}, there is {owner}")

        return event


@dataclass(frozen=True, slots=True)
class Settle:
    """End a hold with what the request cost."""

    hold: int
    cost: int
    kind = "settle"

    async def ask(self, node: Node) -> Settled:
        settlement = Settlement(self.hold, Msat(self.cost), 1, 1, estimated=False)
        node.live.discard(self.hold)
        try:
            return await node.ledger.settle(settlement)
        except (DatabaseUnavailable, OutcomeUnknown):
            node.owed[self.hold] = self.cost
            raise

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        return _ended(self, answer, scene, lambda m: m.settle(self.hold, self.cost))


@dataclass(frozen=True, slots=True)
class Release:
    """End a hold without a charge."""

    hold: int
    kind = "release"

    async def ask(self, node: Node) -> Settled:
        node.live.discard(self.hold)
        return await node.ledger.release(self.hold)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        return _ended(self, answer, scene, lambda m: m.release(self.hold))


def _ended(operation: Settle | Release, answer: Answer, scene: Scene, end: Any) -> Alternatives:
    if isinstance(answer.error, DatabaseUnavailable):
        return NOTHING
    if answer.lost or isinstance(answer.error, OutcomeUnknown):
        scene.require_trouble(answer, operation)
        return [[], [[end]]]
    if not isinstance(answer.value, Settled):
        raise Broken(f"{operation} is answered {answer}: {answer.error}")
    told = answer.value
    said = tuple(map(int, (told.charged, told.uncollected, told.available, told.reserved)))

    def event(model: Model) -> None:
        hold: Hold = end(model)
        owner = model.account(hold.account)
        right = hold.charged, hold.uncollected, owner.available, owner.held
        demand(said == right, f"{operation} is answered {said}, should be {right}")

    return [[[event]]]


def _asked_to_end(hold: int, scene: Scene) -> bool:
    return any(isinstance(o, Settle | Release) and o.hold == hold for o in scene.asked)


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
            return [[[lambda m: m.redeem(ys, self.kind, answer.value, self.given.net)]]]
        if isinstance(error, TokenAlreadySpent):
            return [[[lambda m: self._is_spent(m, scene)]]]
        if isinstance(error, FeesExceedAmount):
            return [[[lambda m: demand(self.given.net <= 0, f"{self} is worth something")]]]
        scene.require_trouble(answer, self)
        if isinstance(error, NOT_DONE):
            if self._goes_on(scene):
                raise Broken(f"{self} is answered {answer}, and goes on")
            return [[[lambda m: demand(not self._is_mine(m), f"{answer}: it was redeemed")]]]
        if not answer.lost and not isinstance(error, UNDECIDED):
            raise Broken(f"{self} is answered {answer}: {error}")
        return NOTHING

    def _is_mine(self, model: Model) -> bool:
        known = model.deposits.get(self.given.ys)
        if known is None:
            return False
        account = known.account if self.payer is None else self.payer.account
        return known == Deposit(self.kind, account, self.given.net)

    def _is_spent(self, model: Model, scene: Scene) -> None:
        """Somebody has a part of it, or had it just now."""
        others = [o.given.ys for o in scene.asked if isinstance(o, Receive) and o is not self]
        others += [saga.ys for saga in scene.open_before.values()]
        ours = self.given.ys
        demand(
            (model.overlaps(ours) and not self._is_mine(model))
            or any(self.given.mint.spent_by_user(y) for y in ours)
            or self.given.doubted
            or any(not ours.isdisjoint(other) for other in others),
            "a token that nobody has redeemed is called spent",
        )

    def _goes_on(self, scene: Scene) -> bool:
        alone = sum(isinstance(o, Receive) and o.given.ys == self.given.ys for o in scene.asked) < 2
        still = (s.ys for s in scene.facts.sagas.values() if s.state == 0)
        return alone and self.given.ys in still


@dataclass(frozen=True, slots=True)
class Sweep:
    """End what nobody works on any more."""

    kind = "sweep"

    async def ask(self, node: Node) -> int:
        ended = await node.sweeper.sweep()
        node.owed.clear()
        return ended

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        return _task(self, answer, scene)


@dataclass(frozen=True, slots=True)
class Recover:
    """Take up operations at a mint that nobody works on."""

    kind = "recover"

    async def ask(self, node: Node) -> int:
        return await node.recover()

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        return _task(self, answer, scene)


@dataclass(frozen=True, slots=True)
class Watch:
    """Ask the mints which tokens were redeemed."""

    kind = "watch claims"

    async def ask(self, node: Node) -> int:
        return await node.refunds.watch_claims()

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        return _task(self, answer, scene)


def _task(operation: Operation, answer: Answer, scene: Scene) -> Alternatives:
    """A task of the node's own: what it did the books say."""
    if answer.value is None:
        scene.require_trouble(answer, operation)
        if not answer.lost and not isinstance(answer.error, UNDECIDED):
            raise Broken(f"{operation} is answered {answer}: {answer.error}")
    return NOTHING


@dataclass(frozen=True, slots=True)
class Redeem:
    """A user redeems proofs at their mint, past the node."""

    token: Token = field(repr=False)
    mint: TalliedMint = field(repr=False)
    saga: int | None
    unit: Unit
    kind = "claim"

    async def ask(self, _node: Node) -> bool:
        return self.mint.redeem(self.token.proofs, self.unit)

    def tracks(self, _answer: Answer, _scene: Scene) -> Alternatives:
        return NOTHING
