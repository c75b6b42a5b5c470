"""Child keys: made, reset and revoked by their parents, and what was answered."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from routstr.auth.service import Payer
from routstr.auth.terms import KeyTerms
from routstr.errors import (
    AuthError,
    ChildKeyNotFound,
    DatabaseUnavailable,
    ForeignChildKey,
    InsufficientBalance,
)
from routstr.money import Msat
from tests.fuzz.explain import Alternatives, Broken, Event, Track, track
from tests.fuzz.facts import ChildFact
from tests.fuzz.model import Model, demand
from tests.fuzz.node import CHILD_MSAT, Node
from tests.fuzz.operations import NOTHING, UNDECIDED, Answer, Scene
from tests.fuzz.records import Limit, Reset


@dataclass(frozen=True, slots=True)
class Holder:
    """A user with a key: who pays, and how often the account's key had been rotated by then."""

    payer: Payer
    generation: int

    @property
    def account(self) -> int:
        return self.payer.account

    def is_current(self, model: Model) -> bool:
        return model.account(self.account).generation == self.generation


@dataclass(frozen=True, slots=True)
class UserChild:
    """A child key in a user's hands."""

    key: str = field(repr=False)
    public_id: str
    account: int
    limit: int


@dataclass(frozen=True, slots=True)
class MakeChildren:
    """Make child keys, each with this limit; ``operation`` names the call, also when repeated."""

    holder: Holder
    count: int
    cap: int | None
    reset: Reset
    operation: bytes
    kind = "child keys"

    async def ask(self, node: Node) -> list[tuple[str, str]]:
        """Return each key with its public id."""
        word = None if self.reset is Reset.NEVER else self.reset.value
        terms = KeyTerms(
            balance_limit=None if self.cap is None else Msat(self.cap), balance_limit_reset=word
        )
        made = await node.children.create(self.holder.payer, self.count, terms, self.operation)
        return [(key, node.public_id(key)) for key in made]

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        children = sorted(scene.facts.children.items(), key=lambda child: child[0])
        rows = {id_: it for id_, it in children if it.made_by == self.operation}
        told, error, account = answer.value, answer.error, self.holder.account
        if isinstance(error, AuthError):
            return [[track(account, self._require_rotated)]]
        if isinstance(error, InsufficientBalance):
            return [[track(account, self._require_poor)]]
        if told is None:
            scene.require_trouble(answer, self)
            if not answer.lost and not isinstance(error, UNDECIDED):
                raise Broken(f"{self} is answered {answer}: {error}")
            return [[track(account, self._made(rows, scene))]] if rows else NOTHING
        if [public for _, public in told] != [it.public_id for it in rows.values()]:
            raise Broken(f"{self} is answered {told}, the books have {rows}")
        return [[track(account, self._made(rows, scene))]]

    def _made(self, rows: dict[int, ChildFact], scene: Scene) -> Event:
        def event(model: Model) -> None:
            new = rows.keys() - model.limits.keys()
            demand(not new or len(new) == self.count, f"{self} made {len(new)} children")
            owner, cost = model.account(self.holder.account), CHILD_MSAT * len(new)
            demand(owner.available >= cost, f"{cost} msat for children of {owner}")
            began = {self.reset.began(scene.since), self.reset.began(scene.until)}
            for id_ in new:
                period = rows[id_].limit.period
                demand(period in began, f"{self} counts from {period}, it is {began}")
                model.limits[id_] = Limit(self.holder.account, self.cap, self.reset, period)
            model.accounts[self.holder.account] = replace(owner, total=owner.total - cost)
            model.revenue += cost

        return event

    def _require_rotated(self, model: Model) -> None:
        demand(not self.holder.is_current(model), f"{self}: the key is called unknown")

    def _require_poor(self, model: Model) -> None:
        owner, cost = model.account(self.holder.account), CHILD_MSAT * self.count
        demand(owner.available < cost, f"{self} is refused, there is {owner}")


@dataclass(frozen=True, slots=True)
class ChangeChild:
    """Let a child's period begin anew by hand, or revoke it; perhaps not as its parent."""

    holder: Holder
    child: UserChild
    revokes: bool

    @property
    def kind(self) -> str:
        return "child revoked" if self.revokes else "child reset"

    async def ask(self, node: Node) -> bool:
        change = node.children.revoke if self.revokes else node.children.reset
        await change(self.holder.payer, self.child.public_id)
        return True

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        error = answer.error
        if answer.value is not None:
            return [[self._track(self._changed)]]
        if isinstance(error, ChildKeyNotFound):
            return [[self._track(self._require_revoked)]]
        if isinstance(error, ForeignChildKey):
            return [[self._track(self._require_foreign)]]
        scene.require_trouble(answer, self)
        if isinstance(error, DatabaseUnavailable):
            return NOTHING
        if not answer.lost and not isinstance(error, UNDECIDED):
            raise Broken(f"{self} is answered {answer}: {error}")
        return [[], [self._track(self._changed)]]

    def _track(self, event: Callable[[Model], None]) -> Track:
        return Track(frozenset({self.holder.account, self.child.account}), (event,))

    def _changed(self, model: Model) -> None:
        it = model.limits[self.child.limit]
        demand(not it.revoked, "a child that is revoked was changed")
        mine = it.account == self.holder.account and self.holder.is_current(model)
        demand(mine, f"{self}: a child was changed by somebody else")
        changed = replace(it, revoked=True) if self.revokes else replace(it, counted=0)
        model.limits[self.child.limit] = changed

    def _require_revoked(self, model: Model) -> None:
        demand(model.limits[self.child.limit].revoked, f"{self}: the child is called unknown")

    def _require_foreign(self, model: Model) -> None:
        mine = self.child.account == self.holder.account and self.holder.is_current(model)
        demand(not mine, f"{self}: the child is called another's")
