"""A token that pays for one request, its change, and what the answers must have been."""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.errors import (
    InsufficientBalance,
    RoutstrError,
    TokenAlreadySpent,
    TokenBelowMinimum,
    UpstreamError,
)
from routstr.money import Msat
from routstr.payment.change import Change
from routstr.payment.metering import Meter, Offer
from routstr.payment.pricing import Quote
from routstr.payment.usage import Usage
from routstr.proxy.exchange import Exchange
from routstr.proxy.wire import Credentials
from routstr.wallet import token
from routstr.wallet.models import SagaState
from tests.fuzz.explain import Alternatives, Broken, Event, Track, track
from tests.fuzz.facts import HoldFact
from tests.fuzz.model import Model, demand
from tests.fuzz.node import Node
from tests.fuzz.offering import Bearing, Offering, UserToken
from tests.fuzz.operations import Answer, Scene
from tests.fuzz.records import End
from tests.fuzz.refunding import FEES_MSAT_MAX, payable

_PRICING: Final = UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("1e-6"))
_ENTRY: Final = build_snapshot(
    [ModelSpec(id="m", context_length=1_000, pricing=_PRICING)],
    usd_per_btc=Decimal(100_000),
    policy=PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1)),
    version=1,
).models["m"]
"""One msat for each token, and one for the request."""


@dataclass(frozen=True, slots=True)
class Served:
    """What an answer told: the charge, and the change unless the connection was cut before it."""

    charged: int
    change: Change | None


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The token was redeemed for a payment, now or before, which does not pay for this request."""

    reason: type[RoutstrError]


@dataclass(frozen=True)
class Pay(Offering):
    """Send one request with its token. ``cost`` None: the provider fails.

    ``lasts_s``: how long the provider takes. ``stream``: what happens after the hold happens after
    the first byte of the answer.
    """

    given: UserToken = field(repr=False)
    text: str = field(repr=False)
    minimum: int
    wanted: int
    cost: int | None
    request: str
    lasts_s: float = 0.0
    stream: bool = False

    @property
    def kind(self) -> str:
        return "payment"

    async def ask(self, node: Node) -> Served | TurnedAway:
        exchange = Exchange({}, _nobody, _nobody, self.request)
        credentials = Credentials(x_cashu=self.text)
        try:
            async with node.till.checkout(exchange, credentials, self._offer(), "chat") as meter:
                exchange.started = self.stream
                await self._serve(exchange, meter)
        except UpstreamError:
            return Served(0, None if self.stream else exchange.change)
        except (TokenAlreadySpent, InsufficientBalance) as error:
            if exchange.key_id is None:
                raise
            return TurnedAway(type(error))
        except RoutstrError as error:
            exchange.render(error)
            raise
        assert meter.receipt is not None, "it was settled"
        return Served(int(meter.receipt.charged), exchange.change)

    async def _serve(self, exchange: Exchange, meter: Meter) -> None:
        if self.lasts_s:
            await asyncio.sleep(self.lasts_s)
        if self.cost is None:
            raise UpstreamError
        await meter.settle(Usage(self.cost - 1, 0))
        exchange.change = await meter.give_change()

    def _offer(self) -> Offer:
        minimum, wanted = Msat(self.minimum), Msat(self.wanted)
        return Offer(_ENTRY, Quote(minimum, wanted, wanted, 1, 0, 0), 0, 1, None)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        row = scene.hold_of(self.request)
        told = answer.value
        if row is not None:
            return [[self._held(*row, answer, scene)]]
        if isinstance(told, TurnedAway):
            return [[Track(self.owners(scene), (self._turned_away(told.reason),))]]
        if told is not None:
            raise Broken(f"{self} is answered {answer}, and nothing was held")
        if isinstance(answer.error, TokenBelowMinimum):
            self._require_too_small(answer.error, scene)
            return [[]]
        self._require_echo(answer, scene)
        return self.refused(answer, scene)

    def _held(self, hold: int, fact: HoldFact, answer: Answer, scene: Scene) -> Track:
        """What the books say of the one hold, and that the answer says the same."""
        events: list[Event] = [self._placed(hold)]
        end, cost = fact.hold.end, self.cost
        if end in (End.SETTLED, End.LATE):
            if cost is None:
                raise Broken(f"{self} was charged {fact}")
            events.append(lambda m: m.settle(hold, cost))
        elif end is End.RELEASED:
            events.append(lambda m: m.release(hold))
        if isinstance(answer.value, Served):
            events.append(self._served(hold, fact, answer.value, scene))
        else:
            scene.require_trouble(answer, self)
        return track(fact.hold.account, *events)

    def _placed(self, hold: int) -> Event:
        def event(model: Model) -> None:
            known = self.redeemed(model)
            demand(known is not None and known.purpose == self.kind, f"{known} pays for a request")
            assert known is not None
            model.place(hold, known.account, self.minimum, self.wanted, closes=True)

        return event

    def _served(self, hold: int, fact: HoldFact, told: Served, scene: Scene) -> Event:
        kept = fact.hold.end in (End.OPEN, End.EXPIRED) and self.cost is not None
        ended = (End.SETTLED, End.LATE) if self.cost is not None else (End.RELEASED, End.EXPIRED)
        if not kept and fact.hold.end not in ended:
            raise Broken(f"{self} is answered {told}, the books have {fact}")
        if kept:
            scene.require_trouble(Answer(told), self)
            if told.change is None or not told.change.pending:
                raise Broken(f"{self} is answered {told}, and its hold is open")
        saga = self._check_change(told.change, scene)

        def event(model: Model) -> None:
            it = model.holds[hold]
            right = min(self.cost or 0, it.amount) if kept else it.charged
            demand(told.charged == right, f"{self} is answered {told}, should be {right}")
            if told.change is None:
                return
            if saga is not None:
                self._given(model, saga, it.account, told.change)
            if self._alone(scene) and it.end in (End.OPEN, End.SETTLED, End.RELEASED):
                self._sums_up(it.account, told, told.change, scene)

        return event

    def _check_change(self, change: Change | None, scene: Scene) -> int | None:
        """The saga that made the change, if any; without trouble only the best will do."""
        if change is None:
            return None
        unit = self.given.token.unit
        whole = int(change.left) >= max(unit.msat, FEES_MSAT_MAX)
        if scene.calm and (change.pending or (whole and payable(change.left, scene))):
            raise Broken(f"{self}: the change is {change} without any trouble")
        if not change.token:
            return None
        saga = scene.issuer(change.token)
        if saga is None:
            raise Broken(f"{self}: nobody made {change}")
        made = token.decode(change.token)
        home = (self.given.mint.url, unit)
        could = int(unit.to_msat(scene.payable().get(home, 0)))
        if scene.calm and (made.mint, made.unit) != home and could >= int(change.amount):
            raise Broken(f"{self}: the change is of {made.mint} in {made.unit}")
        return saga

    def _given(self, model: Model, saga: int, account: int, change: Change) -> None:
        demand(saga in model.refunds, f"the change {saga} is told before it is there")
        known = model.refunds[saga]
        made_for = int(change.mint_fee) - self._redeeming
        right = (known.account, known.net, known.gross - known.net)
        demand((account, int(change.amount), made_for) == right, f"{change} is {known}")

    def _sums_up(self, account: int, told: Served, change: Change, scene: Scene) -> None:
        """What the token brought is what was charged, given back, kept by the mint, and left."""
        before = scene.before.accounts.get(account)
        brought = self.given.net if before is None else before.total
        made_for = int(change.mint_fee) - self._redeeming
        sum_ = told.charged + int(change.amount) + made_for + int(change.left)
        demand(sum_ == brought, f"{self}: {told} sums up to {sum_} of {brought}")

    @property
    def _redeeming(self) -> int:
        """What the mint took for redeeming the token, in msat."""
        return int(self.given.token.unit.to_msat(self.given.token.amount)) - self.given.net

    def _alone(self, scene: Scene) -> bool:
        ours = self.given.ys
        shown = (o.given.ys for o in scene.asked if isinstance(o, Bearing))
        return sum(not ours.isdisjoint(ys) for ys in shown) < 2

    def _turned_away(self, reason: type[RoutstrError]) -> Event:
        def event(model: Model) -> None:
            known = self.redeemed(model)
            demand(known is not None and known.purpose == self.kind, f"{known}: it paid for none")
            assert known is not None
            owner = model.account(known.account)
            spent = owner.closed or not owner.available
            if reason is TokenAlreadySpent:
                demand(spent, f"{self} is called spent, there is {owner}")
            else:
                demand(not spent and owner.available < self.minimum, f"too little: {owner}")

        return event

    def _require_too_small(self, error: TokenBelowMinimum, scene: Scene) -> None:
        """It was not redeemed, by this request at least."""
        said = error.details["token_msat"], error.details["required_msat"]
        if said != (self.given.net, self.minimum) or self.given.net >= self.minimum:
            raise Broken(f"{self} is answered {said}, it is worth {self.given.net}")
        if self.given.ys in scene.before.deposits or (self._alone(scene) and self._taken(scene)):
            raise Broken(f"{self} is called too small, and was redeemed")

    def _require_echo(self, answer: Answer, scene: Scene) -> None:
        """The token is told back only while it can be spent."""
        told = "" if answer.error is None else answer.error.headers.get("X-Cashu", "")
        if told and (told != self.text or (self._alone(scene) and self._taken(scene))):
            raise Broken(f"{self} is answered {answer}, and its token is shown although it is gone")

    def _taken(self, scene: Scene) -> bool:
        gone = (SagaState.OPEN, SagaState.DONE)
        now = (s.ys for s in scene.facts.sagas.values() if s.state in gone)
        return self.given.ys in scene.before.deposits or self.given.ys in now


async def _nobody(*_: Any) -> Any:
    raise AssertionError("the money is what is looked at; nothing is sent or read")
