"""Invoices: ordered, paid by users whenever they like, asked about, and what was answered."""

from dataclasses import dataclass, field

from routstr.auth.invoice_status import Invoice, Status
from routstr.auth.invoices import Wish
from routstr.auth.service import Payer
from routstr.errors import (
    InvoiceError,
    LightningMintBusy,
    LightningMintUnreachable,
    MintRefused,
)
from tests.fuzz.explain import Alternatives, Broken, Track
from tests.fuzz.facts import invoice_name
from tests.fuzz.lightning import Network
from tests.fuzz.model import Model, demand
from tests.fuzz.node import Node
from tests.fuzz.operations import NOTHING, UNDECIDED, Answer, Scene

_NOT_MADE = (InvoiceError, LightningMintBusy, LightningMintUnreachable, MintRefused)


@dataclass(frozen=True, slots=True)
class UserInvoice:
    """An invoice in a user's hands: its id is what they were told, and theirs alone."""

    id: str = field(repr=False)
    invoice: Invoice
    payer: Payer | None

    @property
    def name(self) -> frozenset[bytes]:
        return frozenset({invoice_name(self.invoice.quote.id)})

    @property
    def account(self) -> int | None:
        return None if self.payer is None else self.payer.account


@dataclass(frozen=True, slots=True)
class Ordering:
    """Ask for an invoice: for a new key, or to top one up. Nothing is owed before it is paid."""

    payer: Payer | None
    sats: int
    kind = "invoice"

    async def ask(self, node: Node) -> UserInvoice:
        wish = Wish(self.sats, "203.0.113.7", self.payer)
        return UserInvoice(*await node.invoices.create(wish), self.payer)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if answer.value is None:
            scene.require_trouble(answer, self)
            if not answer.lost and not isinstance(answer.error, (*_NOT_MADE, *UNDECIDED)):
                raise Broken(f"{self} is answered {answer}: {answer.error}")
        return NOTHING


@dataclass(frozen=True, slots=True)
class PayInvoice:
    """A user pays an invoice, in time or late."""

    given: UserInvoice
    network: Network = field(repr=False)
    kind = "invoice paid"

    async def ask(self, _node: Node) -> None:
        bolt11 = self.given.invoice.quote.request
        if not self.network.is_paid(bolt11):
            self.network.pay(bolt11)

    def tracks(self, _answer: Answer, _scene: Scene) -> Alternatives:
        return NOTHING


@dataclass(frozen=True, slots=True)
class AskInvoice:
    """Ask what became of an invoice."""

    given: UserInvoice
    network: Network = field(repr=False)
    kind = "invoice status"

    async def ask(self, node: Node) -> Invoice:
        return await node.invoices.status(self.given.id)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        told = answer.value
        if not isinstance(told, Invoice):
            scene.require_trouble(answer, self)
            if not answer.lost and not isinstance(answer.error, UNDECIDED):
                raise Broken(f"{self} is answered {answer}: {answer.error}")
            return NOTHING
        if told.status is Status.RECONCILIATION_REQUIRED:
            raise Broken(f"{self}: the mint has given the ecash to somebody else")
        if told.status is not Status.PAID:
            return NOTHING
        if not self.network.is_paid(told.quote.request):
            raise Broken(f"{self} is called paid, and nobody has")
        if told.is_topup and told.api_key is not None:
            raise Broken(f"{self} is a top-up, and a key is told")
        return [[Track(self._owners(scene), (lambda m: self._credited(m, told),))]]

    def _credited(self, model: Model, told: Invoice) -> None:
        known = model.deposits.get(self.given.name)
        demand(known is not None, "an invoice is called paid, and nobody has its money")
        assert known is not None
        quote = self.given.invoice.quote
        demand((known.purpose, known.net) == (quote.purpose, int(quote.msat)), f"{known}: {quote}")
        demand(self.given.account in (None, known.account), f"{known} is another's")
        if not told.is_topup:
            is_first = model.account(known.account).generation == 0
            demand(is_first == (told.api_key is not None), f"{self}: of {known} a key is told")

    def _owners(self, scene: Scene) -> frozenset[int]:
        known = scene.before.deposits.get(self.given.name)
        sagas = scene.facts.sagas.values()
        new = {s.account for s in sagas if s.account is not None and s.ys == self.given.name}
        return frozenset(new if known is None else {known.account})


@dataclass(frozen=True, slots=True)
class AskMints:
    """Ask the mints about the invoices whose turn it is, as a node does by itself."""

    kind = "ask about invoices"

    async def ask(self, node: Node) -> int:
        await node.wallet.watch.poll()
        return 0

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if answer.value is None:
            scene.require_trouble(answer, self)
            if not answer.lost and not isinstance(answer.error, UNDECIDED):
                raise Broken(f"{self} is answered {answer}: {answer.error}")
        return NOTHING
