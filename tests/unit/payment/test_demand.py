from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.errors import BalanceChanged, InsufficientBalance, PaymentError, TokenBelowMinimum
from routstr.errors.terms import Terms
from routstr.money import MAX_MSAT, Msat, Unit
from routstr.payment.demand import MINT_CHARS_MAX, Demands
from routstr.payment.pricing import Quote
from routstr.wallet.keysets import input_fee
from routstr.wallet.offers import Offer
from routstr.wallet.payment_request import PaymentRequest, decode

FREE = Offer("https://free.example", {Unit.SAT: 0, Unit.MSAT: 0})
DEAR = Offer("https://dear.example", {Unit.SAT: 100})
MSAT_ONLY = Offer("https://msat.example", {Unit.MSAT: 200})
UNKNOWN = Offer("https://unknown.example")
TOPUP_URL = "https://node.example/v1/balance/topup"


@dataclass
class Listed:
    """The mints that answer; counts how often it was asked."""

    offers: tuple[Offer, ...]
    asked: int = 0

    async def current(self) -> tuple[Offer, ...]:
        self.asked += 1
        return self.offers


def priced(most: int, least: int | None = None) -> Quote:
    return Quote(Msat(most if least is None else least), Msat(most), Msat(most), 64, 0, 0)


async def terms(
    *offers: Offer,
    quoted: Quote | None = None,
    error: PaymentError | None = None,
    token_sat_max: int = 1_000_000,
) -> Terms:
    error = error or PaymentError()
    demands = Demands(Listed(offers), token_sat_max=token_sat_max, topup_url=TOPUP_URL)
    await demands.complete(error, quoted)
    assert error.terms is not None
    return error.terms


async def test_the_request_asks_for_the_most_that_it_can_cost() -> None:
    told = await terms(FREE, quoted=priced(8_001, 2_000))
    assert told == Terms(
        request=told.request,
        amount=9,
        unit="sat",
        mints=(FREE.mint,),
        max_cost_msat=8_001,
        topup_url=TOPUP_URL,
    )
    assert decode(told.request) == PaymentRequest(amount=9, unit="sat", mints=(FREE.mint,))


async def test_the_fee_of_the_dearest_mint_is_asked_for() -> None:
    told = await terms(FREE, DEAR, quoted=priced(64_000))
    assert (told.amount, told.max_cost_msat) == (65, 64_000)
    assert told.mints == (FREE.mint, DEAR.mint)
    assert (await terms(FREE, quoted=priced(64_000))).amount == 64


@pytest.mark.parametrize(
    ("offers", "unit", "named", "amount"),
    [
        ([FREE, MSAT_ONLY], "sat", [FREE], 9),
        ([MSAT_ONLY], "msat", [MSAT_ONLY], 8_004),
        ([MSAT_ONLY, FREE, DEAR], "msat", [MSAT_ONLY, FREE], 8_004),
        ([UNKNOWN, MSAT_ONLY], "msat", [MSAT_ONLY], 8_004),
        ([UNKNOWN], "sat", [UNKNOWN], 9),
    ],
)
async def test_the_preferred_mint_that_answers_decides_the_unit(
    offers: list[Offer], unit: str, named: list[Offer], amount: int
) -> None:
    told = await terms(*offers, quoted=priced(8_001))
    assert (told.unit, told.mints) == (unit, tuple(offer.mint for offer in named))
    assert told.amount == amount


async def test_only_mints_that_would_take_it_are_named() -> None:
    full = replace(FREE, room=Msat(8_999))
    roomy = replace(DEAR, room=Msat(9_000 + 1_000))
    told = await terms(full, roomy, quoted=priced(8_001))
    assert (told.amount, told.mints) == (10, (DEAR.mint,))
    nowhere = await terms(full, quoted=priced(9_000))
    assert (nowhere.mints, nowhere.request) == ((), "")


async def test_a_node_without_mints_has_no_payment_request() -> None:
    told = await terms(quoted=priced(8_001))
    assert (told.request, told.mints, told.max_cost_msat) == ("", (), 8_001)


async def test_nobody_is_asked_for_a_larger_token_than_is_taken() -> None:
    quoted = priced(50_000_000, 3_000)
    told = await terms(DEAR, quoted=quoted, token_sat_max=1_000)
    assert (told.amount, told.max_cost_msat) == (1_000, 50_000_000)
    needs_more = await terms(DEAR, quoted=priced(50_000_000, 2_000_000), token_sat_max=1_000)
    assert needs_more.amount == 2_002, "less would not be enough"


async def test_a_free_request_asks_for_the_smallest_token() -> None:
    told = await terms(FREE, quoted=priced(0))
    assert (told.amount, told.max_cost_msat) == (1, 0)


async def test_without_a_quote_the_error_says_what_is_required() -> None:
    error = InsufficientBalance(details={"required": 1_500})
    told = await terms(FREE, error=error)
    assert (told.amount, told.max_cost_msat) == (2, 1_500)


async def test_where_nobody_knows_a_price_the_payer_chooses() -> None:
    told = await terms(FREE)
    assert (told.amount, told.max_cost_msat) == (None, None)
    assert decode(told.request) == PaymentRequest(unit="sat", mints=(FREE.mint,))


async def test_as_many_mints_are_named_as_a_header_takes() -> None:
    long = [replace(FREE, mint=f"https://mint-{n}.example/{'x' * 400}") for n in range(30)]
    told = await terms(*long, quoted=priced(MAX_MSAT))
    assert told.mints == tuple(offer.mint for offer in long[: len(told.mints)])
    assert 9 <= len(told.mints) < 30
    assert sum(map(len, told.mints)) <= MINT_CHARS_MAX
    assert len(told.request) < 6_000


async def test_only_a_402_has_terms() -> None:
    listed = Listed((FREE,))
    error = BalanceChanged()
    await Demands(listed, token_sat_max=1, topup_url="").complete(error)
    assert (error.terms, listed.asked) == (None, 0)
    assert TokenBelowMinimum.status == 402


@given(
    most=st.integers(1, 10**9),
    fees=st.lists(st.integers(0, 2_000), min_size=1, max_size=4),
    unit=st.sampled_from(Unit),
)
async def test_from_every_named_mint_enough_arrives(most: int, fees: list[int], unit: Unit) -> None:
    offers = [Offer(f"https://{n}.example", {unit: fee}) for n, fee in enumerate(fees)]
    told = await terms(*offers, quoted=priced(most))
    assert told.amount is not None
    for fee in fees:
        arrives = told.amount - input_fee([fee] * told.amount.bit_count())
        assert unit.to_msat(arrives) >= Msat(most)
