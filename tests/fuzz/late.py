"""Invoices that were given up: paid late by a mint that had said no, and asked about by command."""

from dataclasses import dataclass, field

from tests.fuzz.explain import Alternatives
from tests.fuzz.facts import Observer
from tests.fuzz.foreign_mint import ForeignMint
from tests.fuzz.moving import quiet
from tests.fuzz.node import Node
from tests.fuzz.operations import NOT_DONE, NOTHING, Answer, Scene


@dataclass(frozen=True, slots=True)
class PayLate:
    """A foreign mint pays an invoice after all, the last that it had not."""

    mint: ForeignMint = field(repr=False)
    kind = "foreign, paid late"

    async def ask(self, _node: Node) -> None:
        if unpaid := self.mint.unpaid():
            self.mint.network.pay(unpaid[-1])

    def tracks(self, _answer: Answer, _scene: Scene) -> Alternatives:
        return NOTHING


@dataclass(frozen=True, slots=True)
class AskGivenUp:
    """The operator asks about invoices that nobody asks about any more."""

    observer: Observer = field(repr=False)
    kind = "ask about given-up invoices"

    async def ask(self, node: Node) -> int:
        for quote in (known := self.observer.given_up()):
            await node.wallet.check_quote(quote)
        return len(known)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if isinstance(answer.error, NOT_DONE):  # the mint could not be asked
            scene.require_trouble(answer, self)
            return NOTHING
        return quiet(self, answer, scene)
