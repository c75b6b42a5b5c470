from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.clock import ManualClock
from routstr.errors import PriceUnavailable
from routstr.payment.price import FeedPolicy, FeedState, PriceFeed, Verdict, advance, agree
from routstr.payment.price_sources import PriceSource, SourceFailed

POLICY = FeedPolicy()


def usd(*prices: str | int) -> list[Decimal]:
    return [Decimal(price) for price in prices]


@pytest.mark.parametrize(
    ("quotes", "price"),
    [
        (usd(100, 101), Decimal("100.5")),
        (usd(100, 101, 102), Decimal(101)),
        (usd(102, 100, 101), Decimal(101)),
        (usd(100, 100, 10**9), Decimal(100)),
        (usd(1, 100, 101), Decimal("100.5")),
        (usd(100, 100, 100, 5, 10**9), Decimal(100)),
        (usd(100), None),
        (usd(), None),
        (usd(100, 150), None),
        (usd(1, 2, 100, 101), None),
        (usd(100, 110, 120), None),
    ],
)
def test_the_price_is_the_median_of_those_that_agree(
    quotes: list[Decimal], price: Decimal | None
) -> None:
    assert agree(quotes, POLICY) == price


def test_an_operator_may_trust_a_single_source() -> None:
    assert agree(usd(100), FeedPolicy(sources_min=1)) == 100
    assert agree([], FeedPolicy(sources_min=0)) is None


@given(st.lists(st.decimals(50_000, 51_000, places=2), min_size=3), st.decimals(1, 10**9, places=2))
def test_one_liar_cannot_move_the_price_out_of_the_band(
    honest: list[Decimal], lie: Decimal
) -> None:
    price = agree([*honest, lie], POLICY)
    assert price is not None
    assert 49_000 <= price <= 52_020


def test_the_first_price_is_taken() -> None:
    assert advance(FeedState(), Decimal(100), 5, POLICY) == (
        FeedState(Decimal(100), 5),
        Verdict.ACCEPTED,
    )


def test_without_agreement_the_old_price_stays_and_ages() -> None:
    state = FeedState(Decimal(100), 5)
    assert advance(state, None, 50, POLICY) == (state, Verdict.DISAGREED)


@pytest.mark.parametrize("price", [80, 99, 120])
def test_a_move_within_the_limit_is_taken_at_once(price: int) -> None:
    state, verdict = advance(FeedState(Decimal(100), 5), Decimal(price), 50, POLICY)
    assert (state, verdict) == (FeedState(Decimal(price), 50), Verdict.ACCEPTED)


@pytest.mark.parametrize("price", [10, 79, 121, 10**6])
def test_a_jump_waits_for_the_next_round(price: int) -> None:
    before = FeedState(Decimal(100), 5)
    held, verdict = advance(before, Decimal(price), 50, POLICY)
    assert (held.price, held.read_at, verdict) == (Decimal(100), 5, Verdict.HELD_BACK)
    after, verdict = advance(held, Decimal(price), 60, POLICY)
    assert (after, verdict) == (FeedState(Decimal(price), 60), Verdict.CONFIRMED)


def test_a_jump_that_is_not_repeated_is_forgotten() -> None:
    held, _ = advance(FeedState(Decimal(100), 5), Decimal(200), 10, POLICY)
    calm, verdict = advance(held, Decimal(101), 20, POLICY)
    assert (calm, verdict) == (FeedState(Decimal(101), 20), Verdict.ACCEPTED)
    _, verdict = advance(calm, Decimal(200), 30, POLICY)
    assert verdict is Verdict.HELD_BACK


def test_two_different_jumps_do_not_confirm_each_other() -> None:
    held, _ = advance(FeedState(Decimal(100), 5), Decimal(200), 10, POLICY)
    other, verdict = advance(held, Decimal(50), 20, POLICY)
    assert (other.price, other.jump, verdict) == (Decimal(100), Decimal(50), Verdict.HELD_BACK)


def test_more_confirmations_can_be_asked_for_and_start_anew_after_a_change() -> None:
    policy = FeedPolicy(confirmations=2)
    state = FeedState(Decimal(100), 0)
    verdicts = []
    for now, price in enumerate(usd(200, 201, 50, 51, 52), start=1):
        state, verdict = advance(state, price, now, policy)
        verdicts.append(verdict)
    assert verdicts == [Verdict.HELD_BACK] * 4 + [Verdict.CONFIRMED]
    assert state == FeedState(Decimal(52), 5)


def test_a_round_without_agreement_keeps_a_waiting_jump() -> None:
    held, _ = advance(FeedState(Decimal(100), 5), Decimal(200), 10, POLICY)
    still, _ = advance(held, None, 20, POLICY)
    assert advance(still, Decimal(205), 30, POLICY)[1] is Verdict.CONFIRMED


@given(
    st.lists(st.none() | st.decimals(1, 10**7, places=2), max_size=30),
    st.decimals(1, 99, places=2),
)
def test_no_price_is_ever_used_that_one_round_alone_jumped_to(
    rounds: list[Decimal | None], limit: Decimal
) -> None:
    policy = FeedPolicy(jump_percent_max=limit)
    state = FeedState()
    heard: list[Decimal] = []
    for now, price in enumerate(rounds):
        before = state.price
        state, _ = advance(state, price, now, policy)
        if price is not None:
            heard.append(price)
        if before is not None and state.price is not None and state.price != before:
            jumped = abs(state.price - before) * 100 > before * limit
            assert not jumped or abs(heard[-1] - heard[-2]) * 100 <= heard[-2] * limit


class Answers:
    """Sources whose answers a test sets."""

    def __init__(self, **prices: str) -> None:
        self.prices: Mapping[str, str] = prices

    async def __call__(self, url: str) -> bytes:
        if url not in self.prices:
            raise SourceFailed("away")
        return b'{"price": "%s"}' % self.prices[url].encode()


SOURCES = [PriceSource(name, name, ("price",)) for name in ("one", "two", "three")]


def feed(answers: Answers, clock: ManualClock) -> PriceFeed:
    return PriceFeed(answers, clock, FeedPolicy(age_s_max=900), SOURCES)


async def test_a_round_tells_what_every_source_said() -> None:
    answers, clock = Answers(one="50000.10", two="50000.30"), ManualClock()
    prices = feed(answers, clock)
    told = await prices.refresh()
    assert told.verdict is Verdict.ACCEPTED
    assert told.price == prices.current() == Decimal("50000.20")
    assert told.quotes == {"one": Decimal("50000.10"), "two": Decimal("50000.30")}
    assert told.failures == {"three": "away"}


async def test_there_is_no_price_before_the_first_agreement() -> None:
    prices = feed(Answers(one="50000"), ManualClock())
    with pytest.raises(PriceUnavailable):
        prices.current()
    told = await prices.refresh()
    assert (told.verdict, told.price) == (Verdict.DISAGREED, None)
    assert told.quotes == {"one": Decimal(50000)}
    with pytest.raises(PriceUnavailable):
        prices.current()


async def test_the_last_good_price_is_used_until_it_is_stale() -> None:
    answers, clock = Answers(one="50000", two="50000"), ManualClock()
    prices = feed(answers, clock)
    await prices.refresh()
    answers.prices = {}
    clock.advance(seconds=899)
    await prices.refresh()
    assert prices.current() == 50_000
    assert prices.fresh_for_s() == pytest.approx(1)
    clock.advance(seconds=1)
    with pytest.raises(PriceUnavailable):
        prices.current()
    answers.prices = {"one": "50100", "three": "50100"}
    await prices.refresh()
    assert prices.current() == 50_100


async def test_a_jump_reaches_nobody_before_it_is_confirmed() -> None:
    answers, clock = Answers(one="50000", two="50000"), ManualClock()
    prices = feed(answers, clock)
    await prices.refresh()
    answers.prices = {"one": "5000", "two": "5000"}
    clock.advance(seconds=100)
    assert (await prices.refresh()).price == 50_000
    assert prices.fresh_for_s() == pytest.approx(800)
    clock.advance(seconds=100)
    assert (await prices.refresh()).price == 5_000
    assert prices.fresh_for_s() == pytest.approx(900)


async def test_a_feed_goes_on_from_what_another_knew_by_its_own_patience() -> None:
    answers, clock = Answers(one="50000", two="50000"), ManualClock()
    before = feed(answers, clock)
    await before.refresh()
    clock.advance(seconds=600)
    after = feed(Answers(), clock)
    assert after.go_on_from(before.state) == 50_000
    assert after.fresh_for_s() == pytest.approx(300)
    hasty = PriceFeed(answers, clock, FeedPolicy(age_s_max=60), SOURCES)
    assert hasty.go_on_from(before.state) is None
    assert feed(Answers(), clock).go_on_from(feed(Answers(), clock).state) is None
