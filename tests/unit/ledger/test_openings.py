"""What has left adds up by account and limit, in whichever order it left."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from routstr.ledger.archive_rows import Charge, HoldFacts
from routstr.ledger.openings import Balance, Openings, digest_of

CHARGE = Charge(id=7, debit=3, credit=9, amount=40, kind=2, reference=5, created_at=0)
HOLD = HoldFacts(
    5, 3, 50, 1, 40, 0, 1, "r", "m", "e", 1, "p=1", 1, 2, 0, "p", 20, 100, 200, None, None
)


def test_a_charge_moves_from_its_payer_to_the_revenue() -> None:
    sums = Openings()
    sums.add_charge(CHARGE)
    sums.add_hold(HOLD)
    assert sums.balances == {3: Balance(-40, 40, 1), 9: Balance(40, 0, 0)}
    assert list(sums.lines()) == ["A,3,-40,40,1", "A,9,40,0,0"]
    assert sums.digest() == digest_of(["A,3,-40,40,1", "A,9,40,0,0"])


def test_a_request_that_cost_nothing_is_one_and_a_released_hold_is_none() -> None:
    sums = Openings()
    sums.add_hold(replace(HOLD, charged=0))
    sums.add_hold(replace(HOLD, charged=0, state=2))
    assert list(sums.lines()) == ["A,3,0,0,1"]


def test_of_a_limit_only_the_newest_period_counts_beside_the_total() -> None:
    sums = Openings()
    for period, charged in ((0, 1), (86_400_000, 2), (0, 4), (86_400_000, 8)):
        sums.add_hold(replace(HOLD, charged=charged, limit_id=6, limit_period=period))
    assert list(sums.lines())[-1] == "L,6,86400000,10,15,4"


@given(st.permutations(range(6)))
def test_the_order_does_not_matter(order: list[int]) -> None:
    holds = [
        replace(HOLD, account=3 + n % 2, charged=n, limit_id=n % 2 or None, limit_period=n % 3)
        for n in range(6)
    ]
    sums, others = Openings(), Openings()
    for number in range(6):
        sums.add_hold(holds[number])
        others.add_hold(holds[order[number]])
    assert sums.digest() == others.digest()
