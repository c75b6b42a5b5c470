"""What nodes do by themselves, and what users do without any node."""

from dataclasses import dataclass, field

from routstr.money import Unit
from routstr.wallet.token import Token
from tests.fuzz.explain import Alternatives, Broken
from tests.fuzz.mint import TalliedMint
from tests.fuzz.node import Node
from tests.fuzz.operations import NOTHING, UNDECIDED, Answer, Operation, Scene


@dataclass(frozen=True, slots=True)
class Sweep:
    """End what nobody works on any more."""

    kind = "sweep"

    async def ask(self, node: Node) -> int:
        return await node.sweeper.sweep()

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
