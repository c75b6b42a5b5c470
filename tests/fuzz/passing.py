"""A foreign mint's token brought for a key, and what the answer must have been."""

from dataclasses import dataclass, field
from typing import Final

from routstr.errors import FeesExceedAmount, RedemptionPending
from routstr.payment.deposits import FOREIGN_CREATE, FOREIGN_TOPUP
from routstr.payment.foreign import Arrival
from routstr.wallet import token
from routstr.wallet.models import SagaKind, SagaState
from tests.fuzz.explain import Alternatives, Broken, Track
from tests.fuzz.foreign_mint import ForeignMint
from tests.fuzz.lightning import Fortune
from tests.fuzz.model import Model, demand
from tests.fuzz.node import Node
from tests.fuzz.operations import Answer, Scene
from tests.fuzz.passings import credits_of
from tests.fuzz.receiving import Receive
from tests.fuzz.records import Deposit, Passing, Ys

_SMALL_MSAT: Final = 6_000
"""What is too small for the fees of two mints."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The account, and what was told of the token; ``change`` None: that is not told here."""

    account: int
    arrival: Arrival | None
    change: str | None = field(repr=False)


@dataclass(frozen=True)
class Pass(Receive):
    """Bring a token that its mint shall pay an invoice with. ``luck``: how that goes."""

    luck: Fortune = Fortune.PAID

    @property
    def kind(self) -> str:
        return FOREIGN_CREATE if self.payer is None else FOREIGN_TOPUP

    async def ask(self, node: Node) -> Passed:  # type: ignore[override]  # more is told
        mint = self.given.mint
        assert isinstance(mint, ForeignMint)
        mint.luck = self.luck
        if self.payer is not None:
            arrival = await node.auth.top_up(self.payer, self.text)
            return Passed(self.payer.account, arrival, arrival.change)
        if self.bearer:
            return Passed((await node.auth.payer(f"Bearer {self.text}")).account, None, None)
        made = await node.auth.create_api_key(self.text)
        return Passed(made.payer.account, made.arrival, made.change)

    def told(self, answer: Answer, scene: Scene) -> Alternatives:
        told: Passed = answer.value
        accounts = self.owners(scene) | {told.account}
        return [[Track(accounts, (lambda m: self._is_right(m, told, scene),))]]

    def refused(self, answer: Answer, scene: Scene) -> Alternatives:
        error, mint = answer.error, self.given.mint
        if isinstance(error, FeesExceedAmount):
            if self.given.face > _SMALL_MSAT:
                raise Broken(f"{self} is answered {answer}, there are {self.given.face} msat")
            return [[Track(self.owners(scene), (self._is_free,))]]
        assert isinstance(mint, ForeignMint)
        if isinstance(error, RedemptionPending) and mint.lied_about(self.given.ys):
            return [[Track(self.owners(scene), (self._never_came,))]]
        return super().refused(answer, scene)

    def redeemed(self, model: Model) -> Deposit | None:
        ys = self.given.ys
        if (known := model.passings.get(ys)) is not None:
            return model.deposits.get(known.invoice)
        late = credits_of(model, ys)
        return late[-1] if late else None

    def _is_right(self, model: Model, told: Passed, scene: Scene) -> None:
        """What was told is what has arrived, what is left over, and the rest."""
        came, known = self.redeemed(model), model.passings.get(self.given.ys)
        # a key that an invoice made which was paid late is there before this one's money is
        ends = [(it.purpose, it.account) for it in credits_of(model, self.given.ys)]
        demand(bool(ends), f"{self} is answered {told}, and nothing has arrived")
        demand((self.kind, told.account) in ends, f"{self} is answered {told}, it is {ends}")
        silent = known is not None and known.spent is None
        demand(not scene.calm or not silent, f"{told}, and its mint says nothing")
        if told.change is not None:
            self._require_change(known, told.change, scene)
        if told.arrival is not None:
            demand(known is not None, f"{self} is answered {told}, and the token is as it was")
            demand(came is not None, f"{self} is answered {told}, and that has not arrived")
            assert came is not None
            self._require_sum(came, known, told.arrival)

    def _require_sum(self, came: Deposit, known: Passing | None, told: Arrival) -> None:
        face, change = self.given.face, self._left(known)
        right = face, came.net, change, face - came.net - change
        said = told.gross_msat, told.net_msat, told.change_msat, told.fee_msat
        demand(tuple(map(int, said)) == right, f"{self} is answered {said}, should be {right}")
        demand(min(right) >= 0, f"{self}: more was made of a token than it was worth: {right}")

    def _require_change(self, known: Passing | None, text: str, scene: Scene) -> None:
        change = self._left(known)
        worth = 0
        if text:
            made = token.decode(text)
            worth = int(made.unit.to_msat(made.amount))
            saga = None if known is None else known.saga
            home = self.given.mint.url, self.given.token.unit, saga
            found = made.mint, made.unit, scene.issuer(text)
            demand(found == home, f"{self}: the change is {found}, should be {home}")
        demand(worth == change, f"{self}: {worth} msat are told as change, should be {change}")

    def _left(self, known: Passing | None) -> int:
        spent = None if known is None else known.spent
        return 0 if spent is None else self.given.face - spent

    def _is_free(self, model: Model) -> None:
        demand(self.given.ys not in model.passings, f"{self} is refused, and was spent")

    def _never_came(self, model: Model) -> None:
        demand(self.redeemed(model) is None, f"{self} is told to wait, and its money is there")

    def _is_mine(self, model: Model) -> bool:
        """Refused for certain: then it must not be on its way either."""
        return self.given.ys in model.passings and self.account in (None, self._owner(model))

    def _owner(self, model: Model) -> int | None:
        known = self.redeemed(model)
        return self.account if known is None else known.account

    def _becomes_mine(self, scene: Scene) -> bool:
        invoices = self._invoices(scene)
        done = (s for s in scene.facts.sagas.values() if s.state is SagaState.DONE)
        now = {(s.ys, s.purpose, s.account) for s in done}
        now |= {(ys, d.purpose, d.account) for ys, d in scene.before.deposits.items()}
        return any(
            ys in invoices and purpose == self.kind and self.account in (None, owner)
            for ys, purpose, owner in now
        )

    def _invoices(self, scene: Scene) -> frozenset[Ys]:
        before = scene.before.passings.get(self.given.ys)
        sagas = scene.facts.sagas.values()
        now = {s.invoice for s in sagas if s.kind is SagaKind.FORWARD and s.ys == self.given.ys}
        return frozenset(now if before is None else {before.invoice, *now})
