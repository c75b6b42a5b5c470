"""What clients and the node's own tasks ask for, and what the answers must have been.

``ask`` does it on a node. ``tracks`` turns the answer into events of the model: alternatives where
the answer was lost. An answer that can never be right raises :class:`Broken` at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from routstr.errors import (
    BalanceChanged,
    DatabaseUnavailable,
    ForeignSwapFailed,
    InvalidToken,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    OutcomeUnknown,
    RedemptionPending,
    RoutstrError,
)
from routstr.money import Unit
from routstr.wallet.sagas import LeaseLost
from tests.fuzz.explain import Alternatives, Broken
from tests.fuzz.facts import Facts, HoldFact, SagaFact
from tests.fuzz.model import Model
from tests.fuzz.node import Node

NOT_DONE: Final = (
    *(MintUnreachable, MintRateLimited, MintRefused, InvalidToken, ForeignSwapFailed),
)
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
    since: int
    until: int
    """By the nodes' clock, in ms."""

    def require_trouble(self, answer: Answer, operation: object) -> None:
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
