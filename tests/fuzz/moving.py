"""Own ecash that moves to another mint or is renewed, and what was answered."""

from dataclasses import dataclass

from routstr.errors import (
    InsufficientLiquidity,
    InvalidParameter,
    LightningFailed,
    PaymentTooDear,
    SurplusTooSmall,
    SwapUnderWay,
)
from routstr.money import Unit
from routstr.wallet.mint_swaps import MintSwap, Stage
from tests.fuzz.explain import Alternatives, Broken
from tests.fuzz.node import Node
from tests.fuzz.operations import NOT_DONE, NOTHING, UNDECIDED, Answer, Operation, Scene

_REFUSED = (SwapUnderWay, SurplusTooSmall, PaymentTooDear, InsufficientLiquidity)
_NOT_MOVED = (*NOT_DONE, LightningFailed, InvalidParameter)


@dataclass(frozen=True, slots=True)
class MoveBetween:
    """Move ecash from a mint to another."""

    source: str
    target: str
    sats: int
    unit: Unit
    kind = "swap between mints"

    async def ask(self, node: Node) -> MintSwap:
        return await node.moves.swap(self.source, self.target, self.sats, unit=self.unit)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        told = answer.value
        if isinstance(told, MintSwap):
            if scene.calm and told.stage is not Stage.DONE:
                raise Broken(f"{self} is {told.stage} without any trouble")
            return NOTHING
        if not isinstance(answer.error, _REFUSED):
            scene.require_trouble(answer, self)
            if not answer.lost and not isinstance(answer.error, (*_NOT_MOVED, *UNDECIDED)):
                raise Broken(f"{self} is answered {answer}: {answer.error}")
        return NOTHING


@dataclass(frozen=True, slots=True)
class TidyUp:
    """Renew proofs that are many or old."""

    kind = "consolidation"

    async def ask(self, node: Node) -> int:
        return await node.tidying.run()

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        return quiet(self, answer, scene)


@dataclass(frozen=True, slots=True)
class FinishMoves:
    """Ask about what has left one mint and not arrived at the other."""

    kind = "moves finished"

    async def ask(self, node: Node) -> int:
        return await node.moves.finish()

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        return quiet(self, answer, scene)


def quiet(operation: Operation, answer: Answer, scene: Scene) -> Alternatives:
    """What it did the books say."""
    if answer.value is None:
        scene.require_trouble(answer, operation)
        if not answer.lost and not isinstance(answer.error, UNDECIDED):
            raise Broken(f"{operation} is answered {answer}: {answer.error}")
    return NOTHING
