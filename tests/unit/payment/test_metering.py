import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.errors import (
    AuthError,
    DatabaseUnavailable,
    InsufficientBalance,
    TokenAlreadySpent,
)
from routstr.ledger.entries import Held, HoldRequest, Placed, Refused, Settled, Settlement
from routstr.money import ZERO, Msat
from routstr.payment.change import Change, Purse
from routstr.payment.cost import Cost, calculate_request_cost
from routstr.payment.metering import Meter, Offer, Receipt, _shielded
from routstr.payment.pricing import Quote
from routstr.payment.usage import Taken, Usage
from tests.unit.proxy.cancelling import cancelled_at

BTC = Decimal("64000.5")
ENTRY = build_snapshot(
    [
        ModelSpec(
            id="m",
            context_length=1_000,
            pricing=UsdPricing(
                prompt=Decimal("1e-6"), completion=Decimal("3e-6"), image=Decimal("1e-5")
            ),
        )
    ],
    usd_per_btc=Decimal(100_000),
    policy=PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1)),
    version=1,
).models["m"]  # 1 msat for an input token, 3 for an output token, 10 for an image, 1 a request
USAGE = Usage(prompt=10, completion=5)  # 1 + 10 + 15 msat


def quoted(admit: int = 20, want: int = 100) -> Quote:
    return Quote(Msat(admit), Msat(want), Msat(want), 50, 0, 0)


def offer(admit: int = 20, want: int = 100, images: int = 0, usd: Decimal | None = BTC) -> Offer:
    return Offer(ENTRY, quoted(admit, want), images, 9, usd)


class Books:
    """One account; each call waits ``pauses`` times before and after its effect."""

    def __init__(self, posted: int = 1_000, reserved: int = 0, *, pauses: int = 1) -> None:
        self.posted = posted
        self.reserved = reserved
        self.pauses = pauses
        self.closed = False
        self.fail_next = 0
        self.requests: list[HoldRequest] = []
        self.asked: list[Settlement | int] = []
        self.ends: list[Settlement | int] = []
        self.open: dict[int, int] = {}
        self.charged = 0

    async def _pause(self) -> None:
        for _ in range(self.pauses):
            await asyncio.sleep(0)

    async def hold(self, request: HoldRequest) -> Held | Refused:
        await self._pause()
        self.requests.append(request)
        available = self.posted - self.reserved
        if self.closed or available < request.minimum:
            return Refused(Msat(available), Msat(self.reserved), self.closed)
        amount = min(available, int(request.wanted))
        self.open[17] = amount
        return Held(17, Msat(amount), Msat(available - amount))

    async def settle(self, settlement: Settlement) -> Settled:
        return await self._end(settlement.hold, settlement, settlement.cost)

    async def release(self, hold: int, placed: object = None, /) -> Settled:
        return await self._end(hold, hold, ZERO)

    async def _end(self, hold: int, end: Settlement | int, cost: Msat) -> Settled:
        self.asked.append(end)
        await self._pause()
        if self.fail_next:
            self.fail_next -= 1
            raise DatabaseUnavailable
        if hold in self.open:
            self.charged = min(int(cost), self.open.pop(hold))
            self.posted -= self.charged
            self.ends.append(end)
        await self._pause()
        rest = Msat(self.posted - self.reserved)
        return Settled(Msat(self.charged), cost - Msat(self.charged), rest, Msat(self.reserved))


class Rest:
    """A purse that notes what it was emptied of; all but 3 msat comes back."""

    def __init__(self) -> None:
        self.owned: list[Msat] = []

    def pending(self, owned: Msat) -> Change:
        return Change(left=owned, pending=True)

    async def give_back(self, owned: Msat) -> Change:
        await asyncio.sleep(0)
        self.owned.append(owned)
        return Change(token="cashuB", amount=owned - Msat(3), left=Msat(3))


async def opened(books: Books, offered: Offer | None = None, purse: Purse | None = None) -> Meter:
    return await Meter.open(
        books, 7, offered or offer(), request_id="r-1", endpoint="/v1/x", purse=purse
    )


async def test_a_hold_names_all_that_another_instance_needs_to_settle_it() -> None:
    books = Books()
    meter = await opened(books)
    assert meter.held == Msat(100)
    assert books.requests == [
        HoldRequest(
            account=7,
            minimum=Msat(20),
            wanted=Msat(100),
            request_id="r-1",
            model="m",
            endpoint="/v1/x",
            price_version=9,
            rates=ENTRY.rates.dumps(),
        )
    ]


async def test_a_charge_is_the_usage_at_the_rates_of_the_offer() -> None:
    books = Books(reserved=300)
    receipt = await (await opened(books)).settle(USAGE)
    assert receipt == Receipt(
        cost=Cost(Msat(26), Msat(1), Msat(10), Msat(15), ZERO, ZERO),
        charged=Msat(26),
        uncollected=ZERO,
        balance=Msat(974),
        usage=USAGE,
        usd=Decimal("0.00001664013"),
    )
    assert not receipt.estimated
    assert books.ends == [
        Settlement(
            hold=17,
            cost=Msat(26),
            prompt_tokens=10,
            completion_tokens=5,
            estimated=False,
            placed=Placed(books.requests[0], Msat(100)),
            provider=ENTRY.provider,
            own_cost=25,  # without the least price of a request
        )
    ]


async def test_what_the_provider_takes_is_told_with_the_charge() -> None:
    books = Books(reserved=300)
    meter = await opened(books)
    own = replace(ENTRY.rates, request=0)
    meter.serve(replace(ENTRY, provider="other", own=own))
    await meter.settle(USAGE)
    (end,) = books.ends
    assert isinstance(end, Settlement)
    assert (end.provider, end.own_cost) == ("other", int(calculate_request_cost(own, USAGE).total))


@pytest.mark.parametrize(
    ("said", "usd", "own"),
    [
        (Taken(Decimal("0.00064")), BTC, 1_000),  # of the price of bitcoin, rounded up
        (Taken(Decimal(0)), BTC, 0),
        (Taken(Decimal("0.00064")), None, 25),
        (Taken(Decimal(7), in_msat=True), None, 7),
        (Taken(Decimal(7), in_msat=True), BTC, 7),
    ],
)
async def test_what_the_provider_says_that_it_takes_is_recorded_and_never_charged(
    said: Taken, usd: Decimal | None, own: int
) -> None:
    books = Books()
    meter = await opened(books, offer(usd=usd))
    receipt = await meter.settle(structs.replace(USAGE, taken=said))
    (end,) = books.ends
    assert isinstance(end, Settlement)
    assert (end.own_cost, end.cost, receipt.charged) == (own, 26, 26)


async def test_who_keeps_no_balance_here_gets_what_is_left_after_the_end() -> None:
    books, rest = Books(), Rest()
    meter = await opened(books, purse=rest)
    assert books.requests[0].closes
    receipt = await meter.settle(USAGE)
    assert (receipt.balance, receipt.change) == (Msat(974), None)
    change = await meter.give_change()
    assert change == Change(token="cashuB", amount=Msat(971), left=Msat(3))
    assert meter.receipt is not None
    assert (meter.receipt.charged, meter.receipt.balance) == (Msat(26), Msat(3))
    assert meter.receipt.change == change
    assert await meter.give_change() == change
    assert rest.owned == [Msat(974)], "once"


async def test_a_failed_request_gives_everything_back() -> None:
    rest = Rest()
    meter = await opened(Books(), purse=rest)
    await meter.release()
    await meter.give_change()
    assert rest.owned == [Msat(1_000)]


async def test_who_keeps_a_balance_gets_no_change() -> None:
    books = Books()
    meter = await opened(books)
    receipt = await meter.settle(USAGE)
    assert await meter.give_change() is None
    assert (meter.receipt, books.requests[0].closes) == (receipt, False)


@pytest.mark.parametrize(
    ("posted", "closed", "error"),
    [
        (1_000, True, TokenAlreadySpent),
        (0, False, TokenAlreadySpent),
        (19, False, InsufficientBalance),
    ],
    ids=["has paid", "was claimed", "a dearer request"],
)
async def test_a_purse_that_cannot_pay_is_told_why(
    posted: int, closed: bool, error: type[Exception]
) -> None:
    books = Books(posted)
    books.closed = closed
    with pytest.raises(error):
        await opened(books, purse=Rest())


async def test_images_are_charged_from_the_request() -> None:
    receipt = await (await opened(Books(), offer(images=2))).settle(USAGE)
    assert receipt.charged == Msat(26 + 20)


async def test_without_a_rate_there_is_no_amount_in_usd() -> None:
    assert (await (await opened(Books(), offer(usd=None))).settle(USAGE)).usd is None


async def test_an_estimate_is_marked() -> None:
    books = Books()
    receipt = await (await opened(books)).settle(Usage(10, 5, reported=False))
    assert receipt.estimated
    (end,) = books.ends
    assert isinstance(end, Settlement)
    assert end.estimated


async def test_a_charge_never_exceeds_the_hold_and_its_parts_say_so() -> None:
    books = Books(posted=30)
    meter = await opened(books)
    receipt = await meter.settle(Usage(prompt=10, completion=1_000, cache_read=4, cache_write=4))
    assert meter.held == receipt.charged == Msat(30)
    assert receipt.balance == ZERO
    assert receipt.uncollected > ZERO
    assert receipt.cost == Cost(Msat(30), Msat(1), Msat(10), Msat(11), Msat(4), Msat(4))


@given(
    st.integers(20, 5_000),
    st.builds(Usage, *[st.integers(0, 2_000)] * 4),
)
def test_the_parts_of_a_receipt_sum_to_its_charge(balance: int, usage: Usage) -> None:
    async def run() -> None:
        books = Books(posted=balance)
        receipt = await (await opened(books, offer(want=3_000))).settle(usage)
        cost = receipt.cost
        parts = (cost.base, cost.input, cost.output, cost.cache_read, cost.cache_write)
        assert sum(map(int, parts)) == cost.total == receipt.charged <= min(balance, 3_000)
        assert all(part >= 0 for part in parts)
        assert books.posted == balance - int(receipt.charged) == receipt.balance

    asyncio.run(run())


async def test_too_little_money_is_told_in_full() -> None:
    with pytest.raises(InsufficientBalance) as caught:
        await opened(Books(posted=1_500, reserved=700), offer(admit=2_001))
    error = caught.value
    assert error.http_status == 402
    assert error.message == "Insufficient balance: 3 sats required, 0 available."
    assert error.details == {
        "required": 2_001,
        "available": 800,
        "shortfall": 1_201,
        "reserved": 700,
        "unit": "msat",
    }


async def test_a_closed_account_looks_like_an_unknown_key() -> None:
    books = Books()
    books.closed = True
    with pytest.raises(AuthError) as caught:
        await opened(books)
    assert caught.value.message == AuthError().message


async def test_release_charges_nothing() -> None:
    books = Books()
    receipt = await (await opened(books)).release()
    assert receipt.charged == receipt.cost.total == ZERO
    assert (books.posted, books.open) == (1_000, {})


Act = Callable[[Meter], Coroutine[Any, Any, Receipt]]
SETTLE: Act = lambda meter: meter.settle(USAGE)  # noqa: E731 - a table of two
DEARER: Act = lambda meter: meter.settle(Usage(50, 50))  # noqa: E731
RELEASE: Act = lambda meter: meter.release()  # noqa: E731
KNOWN = Cost(Msat(7), Msat(1), Msat(2), Msat(4), ZERO, ZERO)
AGAIN: Act = lambda meter: meter.settle_again(USAGE, KNOWN)  # noqa: E731


async def test_an_answer_of_before_is_charged_what_is_known() -> None:
    books = Books()
    receipt = await AGAIN(await opened(books))
    assert (receipt.cost, receipt.charged, receipt.usage) == (KNOWN, Msat(7), USAGE)
    assert receipt.cached
    assert (books.posted, books.open) == (993, {})


@pytest.mark.parametrize("first", [SETTLE, RELEASE, AGAIN])
@pytest.mark.parametrize("second", [SETTLE, DEARER, RELEASE, AGAIN])
async def test_the_first_end_stands(first: Act, second: Act) -> None:
    books = Books()
    meter = await opened(books)
    receipt = await first(meter)
    assert await second(meter) is receipt is meter.receipt
    assert len(books.ends) == len(books.asked) == 1


@pytest.mark.parametrize("first", [SETTLE, RELEASE])
@pytest.mark.parametrize("second", [DEARER, RELEASE])
async def test_of_two_at_once_the_first_stands(first: Act, second: Act) -> None:
    books = Books()
    meter = await opened(books)
    one, two = await asyncio.gather(first(meter), second(meter))
    assert one == two
    assert len(books.ends) == 1
    assert books.posted == 1_000 - int(receipt_of(meter).charged)


def receipt_of(meter: Meter) -> Receipt:
    assert meter.receipt is not None
    return meter.receipt


async def test_a_failed_release_can_be_asked_for_again_and_stays_the_same() -> None:
    books = Books()
    books.fail_next = 1
    meter = await opened(books)
    with pytest.raises(DatabaseUnavailable):
        await meter.release()
    assert meter.receipt is None
    assert (await meter.settle(USAGE)).charged == ZERO


async def test_a_charge_that_the_ledger_keeps_is_told_as_it_will_be_made() -> None:
    books = Books()
    usual = await (await opened(Books())).settle(USAGE)
    books.fail_next = 1
    meter = await opened(books)
    kept = await meter.settle(USAGE)
    assert kept == structs.replace(usual, balance=None)
    assert await meter.settle(USAGE) is kept, "it was asked for once"


async def test_a_kept_charge_too_ends_at_the_hold() -> None:
    books = Books(posted=20)
    books.fail_next = 1
    kept = await (await opened(books)).settle(USAGE)
    assert (kept.charged, kept.uncollected) == (Msat(20), Msat(6))
    assert kept.cost.total == kept.charged


async def test_the_change_of_a_kept_charge_is_what_the_token_has_left() -> None:
    books = Books(posted=1_000)
    books.fail_next = 1
    purse = Rest()
    meter = await opened(books, purse=purse)
    kept = await meter.settle(USAGE)
    assert kept.balance == Msat(974)
    assert await meter.give_change() == Change(left=Msat(974), pending=True)
    assert purse.owned == [], "the hold is open: nothing can be given yet"


@pytest.mark.parametrize("act", [SETTLE, RELEASE, AGAIN])
@pytest.mark.parametrize("again", [0, 1, 2, 3])
async def test_an_end_survives_cancellation_at_every_wait(act: Act, again: int) -> None:
    for at in range(1, 100):
        books, steps = Books(pauses=2), [0]
        meter = await opened(books)
        times = {at} if not again else {at, at + again}
        task = asyncio.create_task(cancelled_at(act(meter), times, steps))
        await asyncio.wait({task})
        if steps[0] < at:
            assert at > 3, "nothing was ever cancelled"
            return
        assert task.cancelled()
        assert not books.open, "the hold outlived the cancellation"
        assert len(books.ends) == 1
        assert receipt_of(meter).charged == books.charged
    raise AssertionError("the work never ended")


async def test_a_cancelled_release_that_fails_is_left_to_the_sweeper() -> None:
    books = Books()
    books.fail_next = 5
    meter = await opened(books)
    task = asyncio.create_task(meter.release())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert meter.receipt is None
    assert books.open


async def test_a_cancelled_end_does_not_wait_for_ever() -> None:
    let_go = asyncio.Event()
    task = asyncio.create_task(_shielded(let_go.wait(), 0.05))
    await asyncio.sleep(0)
    task.cancel()
    task.cancel()
    await asyncio.wait({task}, timeout=1)
    assert task.done(), "it waited for what it should only have begun"
    let_go.set()
    await asyncio.sleep(0)
