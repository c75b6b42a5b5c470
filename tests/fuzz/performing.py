"""What rules have in common: several requests of one step, and where and when they are made."""

from tests.fuzz.fate import SLOW_S
from tests.fuzz.learning import learn_key
from tests.fuzz.scope import Scope
from tests.fuzz.world import OUTSIDE, Act, World


async def perform(world: World, *acts: Act) -> None:
    """Let all ask at the same time."""
    for act, answer in zip(acts, await world.step(*acts), strict=True):
        await learn_key(world, act, answer)


def moved(act: Act, index: int) -> Act:
    """The same at another node; a user's own doing happens at no node."""
    return act if isinstance(act.operation, OUTSIDE) else act._replace(node=index)


def delay(scope: Scope) -> float:
    """Anywhere in an operation at slow mints."""
    return scope.choices.below(12) * SLOW_S / 4


def slow_down(world: World, *, slow: bool) -> None:
    """Mints take their time from now on, or no more."""
    for node in world.nodes:
        node.fate.slow = slow
