import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.errors import BalanceTooSmall, PaymentTooDear
from routstr.money import MSAT_PER_SAT, Msat, Unit
from routstr.payment.lightning_out import pay_most
from routstr.payment.lnurl import PayOffer
from routstr.wallet.bolt11 import decode
from routstr.wallet.melting import Melt
from routstr.wallet.sagas import Saga
from tests.unit.payment.lightning import FIRST, PlayedAddress
from tests.unit.wallet.world import DRAFT


class Pricing:
    """A wallet that only says whether a payment fits: it costs a share and a fixed amount."""

    def __init__(self, per_mille: int, fixed: int) -> None:
        self._per_mille, self._fixed = per_mille, fixed
        self.paid = 0
        self.limit = 0

    async def melt(self, wish: Melt) -> Saga:
        amount = -(-int(decode(wish.bolt11).amount or 0) // wish.unit.msat)
        needed = amount + amount * self._per_mille // 1_000 + self._fixed
        if needed > wish.limit:
            error = PaymentTooDear()
            error.excess = needed - wish.limit
            raise error
        self.paid, self.limit = needed, wish.limit
        return DRAFT


async def pay(wallet: Pricing, limit: int, unit: Unit, most_msat: int = 10**15) -> PlayedAddress:
    bob = PlayedAddress()
    bob.most = most_msat
    offer = PayOffer("https://example.com/pay", Msat(1_000), Msat(most_msat), b"")
    await pay_most(
        wallet,  # type: ignore[arg-type]  # all that is asked of it
        bob,
        offer,
        FIRST,
        unit,
        limit,
        purpose="p",
        account=1,
        context={},
    )
    return bob


@given(
    limit=st.integers(10, 10**7),
    per_mille=st.integers(0, 50),
    fixed=st.integers(0, 5),
    unit=st.sampled_from(list(Unit)),
)
async def test_as_much_is_paid_as_fits_and_never_more(
    limit: int, per_mille: int, fixed: int, unit: Unit
) -> None:
    wallet = Pricing(per_mille, fixed)
    limit = limit if unit is Unit.SAT else limit * MSAT_PER_SAT
    bob = await pay(wallet, limit, unit)
    assert wallet.paid <= limit
    step = MSAT_PER_SAT // unit.msat
    slack = step * 2 + (limit * per_mille // 1_000) * per_mille // 1_000 + 1
    assert limit - wallet.paid <= slack, "only the fee on what fees took is left over"
    assert len(bob.asked) <= 6


async def test_the_recipients_bounds_hold() -> None:
    wallet = Pricing(0, 0)
    bob = await pay(wallet, 500, Unit.SAT, most_msat=99_999)
    assert bob.asked == [99]
    for limit in (0, 1):
        with pytest.raises(BalanceTooSmall):
            await pay(Pricing(0, 5), limit, Unit.SAT)


async def test_fees_that_never_fit_end_the_search() -> None:
    with pytest.raises(BalanceTooSmall):
        await pay(Pricing(0, 10**9), 500, Unit.SAT)
