"""A request is paid for when the node wants it, within what was allowed."""

import pytest

from routstr.cli.purse.node import Unpayable
from routstr.cli.purse.paying import AnswerLost
from routstr.cli.purse.settling import End
from tests.unit.cli.purse.counter import CLAIM, Counter, away, demand, error, says

PATH = "/v1/chat/completions"


async def test_what_is_free_is_not_paid(counter: Counter) -> None:
    counter.node.next(PATH, says(200, {"answer": 42}))
    answer, bill = await counter.till().ask("GET", PATH, None)
    assert (answer.data, bill) == ({"answer": 42}, None)


async def test_a_demand_is_paid_and_the_bill_adds_up(counter: Counter) -> None:
    await counter.fill(64)
    change = counter.change(4)
    counter.node.next(PATH, demand(10, counter.mint.url), says(200, {"ok": 1}, change, 5_500))
    answer, bill = await counter.till().ask("POST", PATH, b"{}")
    assert (answer.status, bill is not None) == (200, True)
    assert bill is not None
    assert (bill.paid, bill.back, bill.spent, bill.cost_msat) == (10, 4, 6, 5_500)
    assert await counter.held() == 58


async def test_a_demand_in_the_other_unit_is_paid_with_what_is_there(counter: Counter) -> None:
    await counter.fill(64)
    counter.node.mint = counter.mint
    counter.node.next(PATH, demand(9_001, counter.mint.url, "msat"), says(200))
    counter.node.next(CLAIM, error(400, "no_balance"))
    _, bill = await counter.till().ask("POST", PATH, b"{}")
    assert bill is not None
    assert (bill.paid, bill.unit, bill.end) == (10, "sat", End.SPENT)


async def test_a_refused_token_comes_back(counter: Counter) -> None:
    await counter.fill(64)
    counter.node.next(PATH, demand(10, counter.mint.url), error(503, "deposits_closed"))
    counter.node.next(CLAIM, error(404, "refund_not_found"))
    answer, bill = await counter.till().ask("POST", PATH, b"{}")
    assert bill is not None
    assert (answer.status, bill.end, bill.spent) == (503, End.BACK, 0)
    assert await counter.held() == 64


async def test_a_lost_answer_says_what_it_cost(counter: Counter) -> None:
    await counter.fill(64)
    counter.node.next(PATH, demand(10, counter.mint.url), away())
    counter.node.next(CLAIM, says(200, {}, counter.change(8)))
    with pytest.raises(AnswerLost) as lost:
        await counter.till().ask("POST", PATH, b"{}")
    assert lost.value.bill.spent == 2


@pytest.mark.parametrize(
    ("amount", "mint", "unit", "reason"),
    [
        (11, "", "sat", "--max-sat"),
        (10, "https://other.example", "sat", "too little in the purse"),
        (9, "", "usd", "does not have"),
        (0, "", "sat", "wants nothing"),
        (10, "", "sat", "too little in the purse"),
    ],
)
async def test_what_is_not_paid_leaves_everything_here(
    counter: Counter, amount: int, mint: str, unit: str, reason: str
) -> None:
    await counter.fill(8)
    counter.node.next(PATH, demand(amount, mint or counter.mint.url, unit))
    with pytest.raises(Unpayable, match=reason):
        await counter.till(most_sat=10).ask("POST", PATH, b"{}")
    assert (await counter.held(), counter.node.tokens) == (8, [])
