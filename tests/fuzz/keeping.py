"""Keys that get a successor, an end and an address for what is left then; and what was answered."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from routstr.auth.profile import Changes
from routstr.errors import AuthError, DatabaseUnavailable, InvalidParameter
from tests.fuzz.explain import Alternatives, Broken, track
from tests.fuzz.family import Holder
from tests.fuzz.model import Model, demand
from tests.fuzz.node import Node
from tests.fuzz.operations import NOTHING, UNDECIDED, Answer, Scene


@dataclass(frozen=True, slots=True)
class Rotate:
    """Ask for a key in the place of one's own; whoever hears no answer asks the same again."""

    holder: Holder
    kind = "rotation"

    async def ask(self, node: Node) -> str:
        """Return the new key."""
        operation = f"{self.holder.account} {self.holder.generation}".encode()
        return await node.profiles.rotate(self.holder.payer.key, operation)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if isinstance(answer.error, AuthError):
            return [[track(self.holder.account, self._require_gone)]]
        return _changed(self, self.holder.account, self._rotated, answer, scene)

    def _rotated(self, model: Model) -> None:
        owner, then = model.account(self.holder.account), self.holder.generation
        told = owner.generation in (then, then + 1)
        demand(told, f"{self} is told a key, there were {owner.generation} rotations")
        model.accounts[self.holder.account] = replace(owner, generation=then + 1)

    def _require_gone(self, model: Model) -> None:
        now = model.account(self.holder.account).generation
        demand(now > self.holder.generation + 1, f"{self}: its key is called unknown")


@dataclass(frozen=True, slots=True)
class SetTerms:
    """Say when a key ends (ms), and where what is left goes then."""

    holder: Holder
    expires_at: int | None
    address: str | None
    kind = "terms"

    async def ask(self, node: Node) -> bool:
        changes = Changes(expires_at=self.expires_at, refund_address=self.address)
        await node.profiles.change(self.holder.payer, changes)
        return True

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if isinstance(answer.error, AuthError):
            return [[track(self.holder.account, self._require_rotated)]]
        if isinstance(answer.error, InvalidParameter):
            if self.expires_at is None or self.expires_at > scene.until:
                raise Broken(f"{self} is answered {answer}: {answer.error}")
            return NOTHING
        return _changed(self, self.holder.account, self._set, answer, scene)

    def _set(self, model: Model) -> None:
        demand(self.holder.is_current(model), f"{self} is done with a key that was rotated")
        owner = model.account(self.holder.account)
        now = replace(owner, expires_at=self.expires_at, address=self.address)
        model.accounts[self.holder.account] = now

    def _require_rotated(self, model: Model) -> None:
        demand(not self.holder.is_current(model), f"{self}: the key is called unknown")


def _changed(
    operation: Rotate | SetTerms,
    account: int,
    event: Callable[[Model], None],
    answer: Answer,
    scene: Scene,
) -> Alternatives:
    if answer.value is not None:
        return [[track(account, event)]]
    scene.require_trouble(answer, operation)
    if isinstance(answer.error, DatabaseUnavailable):
        return NOTHING
    if not answer.lost and not isinstance(answer.error, UNDECIDED):
        raise Broken(f"{operation} is answered {answer}: {answer.error}")
    return [[], [track(account, event)]]
