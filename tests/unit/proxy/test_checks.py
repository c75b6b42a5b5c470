"""Who may have what, asked at the till: before anything is held, before a token is redeemed."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from routstr.errors import AuthError, PaymentError
from routstr.payment.metering import Offer
from routstr.payment.pricing import QuotePolicy, RequestLimits, quote
from routstr.payment.tokens import PromptEstimate
from routstr.proxy.checks import Admission, AuthCheck, CheckedTill
from routstr.proxy.dialects.choices import CHAT
from routstr.proxy.exchange import Exchange
from routstr.proxy.wire import Credentials
from tests.unit.core.asgi import http_scope
from tests.unit.proxy.harness import KEY, SNAPSHOT, TOKEN, Books, Keys, Payments

BY_KEY = Credentials(f"Bearer {KEY}")
BY_TOKEN = Credentials(x_cashu=TOKEN)
GOOD = SNAPSHOT.models["good"]
QUOTE = quote(GOOD, PromptEstimate(9, 9, 9), RequestLimits(), QuotePolicy())


class Closed(AuthError):
    """Closed today."""


@dataclass
class Porter:
    """Keeps who came."""

    open: bool = True
    came: list[Admission] = field(default_factory=list)

    async def check(self, admission: Admission) -> None:
        self.came.append(admission)
        if not self.open:
            raise Closed


class Nobody:
    async def complete(self, error: Any, quoted: Any) -> None:
        """Nothing settles a refusal."""


@dataclass
class Counter:
    """A till and all that is behind it."""

    porters: tuple[AuthCheck, ...]
    books: Books = field(default_factory=Books)
    payments: Payments = field(init=False)

    async def pay(self, credentials: Credentials, client: object = ("192.0.2.1", 1)) -> None:
        self.payments = Payments(self.books)
        till = CheckedTill(Keys(), self.payments, self.books, Nobody(), self.porters)
        scope = {**http_scope("POST", "/v1/chat/completions"), "client": client}
        exchange = Exchange(scope, cast("Any", None), cast("Any", None), "req_1")
        offer = Offer(GOOD, QUOTE, 0, SNAPSHOT.version, SNAPSHOT.usd_per_btc)
        async with till.checkout(exchange, credentials, offer, CHAT.endpoint):
            pass


async def test_a_key_is_asked_about_with_all_that_is_known() -> None:
    porter = Porter()
    counter = Counter((porter, porter))
    await counter.pay(BY_KEY)
    known = Admission(7, "key-1", CHAT.endpoint, "good", "192.0.2.1", QUOTE.want)
    assert porter.came == [known, known]
    assert counter.books.was_released
    await counter.pay(BY_KEY, client=None)
    assert porter.came[-1] == replace(known, address="")


async def test_a_refused_key_has_nothing_held_and_the_next_check_is_not_asked() -> None:
    never = Porter()
    counter = Counter((Porter(open=False), never))
    with pytest.raises(Closed):
        await counter.pay(BY_KEY)
    assert counter.books.holds == {}
    assert never.came == []


async def test_a_refused_token_is_not_redeemed() -> None:
    porter = Porter(open=False)
    counter = Counter((porter,))
    with pytest.raises(Closed):
        await counter.pay(BY_TOKEN)
    assert porter.came == [Admission(None, None, CHAT.endpoint, "good", "192.0.2.1", QUOTE.want)]
    assert counter.payments.redeemed == 0
    porter.open = True
    await counter.pay(BY_TOKEN)
    assert counter.payments.redeemed == 1


async def test_who_cannot_be_known_is_refused_before_any_check() -> None:
    porter = Porter()
    for nobody, refusal in ((Credentials("Bearer sk-0"), AuthError), (Credentials(), PaymentError)):
        with pytest.raises(refusal):
            await Counter((porter,)).pay(nobody)
    assert porter.came == []
