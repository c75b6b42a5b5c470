"""Every way in which a payment ends: whatever happened, what is ours is here or can still come."""

import pytest

from routstr.cli.purse import settling
from routstr.cli.purse.purse import Paid
from routstr.cli.purse.settling import End, Settlement, settle
from routstr.core.db import node_values
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.mint_errors import MintDown
from tests.unit.cli.purse.counter import CLAIM, NODE, Counter, away, demand, error, says


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "_PAUSE_SECONDS", 0)


async def paid_five_of_sixteen(counter: Counter) -> Paid:
    await counter.fill(16)
    return await counter.purse.pay(5, Unit.SAT, counter.mint.url, NODE)


async def later(counter: Counter) -> Settlement:
    """What the next command makes of it."""
    purse = counter.again()
    (paid,) = await purse.unfinished()
    return await settle(purse, counter.node, paid, patience_s=0)


async def test_change_in_the_answer_is_taken_in_and_settles(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    ended = await settle(counter.purse, counter.node, paid, change=counter.change(2, 1))
    assert ended == Settlement(End.CHANGE, 3)
    assert (await counter.held(), await counter.purse.open_payments()) == (14, [])


async def test_killed_before_the_token_was_sent_it_is_taken_back(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    counter.node.next(CLAIM, error(404, "refund_not_found"))
    assert await later(counter) == Settlement(End.BACK, 5)
    assert counter.node.tokens == [paid.token]
    assert (await counter.held(), await counter.purse.open_payments()) == (16, [])


async def test_killed_after_the_node_took_it_the_change_is_claimed(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    counter.mint.spend(token.decode(paid.token))
    counter.node.next(CLAIM, error(425, "refund_pending"))
    assert (await later(counter)).end is End.OPEN
    counter.node.next(CLAIM, says(200, {"token": "in the header"}, counter.change(4)))
    assert await later(counter) == Settlement(End.CHANGE, 4)
    assert (await counter.held(), await counter.purse.open_payments()) == (15, [])


async def test_killed_while_the_change_was_taken_in_it_arrives_once(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    change = counter.change(4)
    counter.mint.broken["swap"] = MintDown("away")
    assert (await settle(counter.purse, counter.node, paid, change=change)).end is End.OPEN
    counter.mint.broken.clear()
    counter.node.next(CLAIM, says(200, {}, change))
    assert (await later(counter)).end is End.CHANGE
    assert (await counter.held(), await counter.purse.open_payments()) == (15, [])


async def test_change_is_kept_until_its_mint_answers_even_when_the_node_does_not(
    counter: Counter,
) -> None:
    paid = await paid_five_of_sixteen(counter)
    change = counter.change(4)
    counter.mint.broken.update(dict.fromkeys(("swap", "check_state"), MintDown("away")))
    assert (await settle(counter.purse, counter.node, paid, change=change)).end is End.OPEN
    counter.node.next(CLAIM, away(), away())
    assert (await later(counter)).end is End.OPEN
    counter.mint.broken.clear()
    assert await later(counter) == Settlement(End.CHANGE, 4)
    assert (await counter.held(), await counter.purse.open_payments()) == (15, [])
    kept = await counter.world.db.read(lambda c: node_values.look_up(c, f"change {paid.id}"))
    assert kept is None


async def test_change_that_was_none_does_not_stand_in_the_way(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    spent = counter.mint.token(4)
    counter.mint.spend(spent)
    ended = await settle(counter.purse, counter.node, paid, change=token.encode_b(spent))
    assert ended.end is End.OPEN
    counter.node.next(CLAIM, says(200, {}, counter.change(2)))
    assert await later(counter) == Settlement(End.CHANGE, 2)


async def test_nothing_left_is_an_end(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    counter.mint.spend(token.decode(paid.token))
    counter.node.next(CLAIM, error(400, "no_balance"))
    assert await settle(counter.purse, counter.node, paid) == Settlement(End.SPENT)
    assert (await counter.held(), await counter.purse.open_payments()) == (11, [])


async def test_nothing_left_of_a_token_that_nobody_has_redeemed_is_not_believed(
    counter: Counter,
) -> None:
    paid = await paid_five_of_sixteen(counter)
    counter.node.next(CLAIM, error(400, "no_balance"))
    assert await settle(counter.purse, counter.node, paid) == Settlement(End.BACK, 5)
    assert (await counter.held(), await counter.purse.open_payments()) == (16, [])


async def test_the_change_of_another_payment_settles_nothing(counter: Counter) -> None:
    await counter.fill(16)
    first, second = [await counter.purse.pay(5, Unit.SAT, counter.mint.url, NODE) for _ in range(2)]
    change = counter.change(2)
    assert (await settle(counter.purse, counter.node, first, change=change)).end is End.CHANGE
    ended = await settle(counter.purse, counter.node, second, change=change)
    assert (ended.end, ended.back) == (End.OPEN, 0)
    assert [one.id for one in await counter.purse.open_payments()] == [second.id]


async def test_change_that_was_taken_in_by_hand_settles_its_payment(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    change = counter.change(2)
    await counter.purse.take_in(change)
    assert await settle(counter.purse, counter.node, paid, change=change) == Settlement(
        End.CHANGE, 2
    )
    assert (await counter.held(), await counter.purse.open_payments()) == (13, [])


async def test_a_new_demand_instead_of_change_is_no_change(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    counter.node.next(CLAIM, error(404, "refund_not_found"))
    again = demand(9, counter.mint.url).token
    ended = await settle(counter.purse, counter.node, paid, change=again)
    assert ended == Settlement(End.BACK, 5)


async def test_nobody_is_believed_who_does_not_answer(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    counter.node.next(CLAIM, away(), error(503, "mint_unreachable"), error(404, "refund_not_found"))
    for _ in range(2):
        assert (await settle(counter.purse, counter.node, paid)).end is End.OPEN
    counter.mint.spend(token.decode(paid.token))
    ended = await settle(counter.purse, counter.node, paid)
    assert (ended.end, "knows nothing of it" in ended.problem) == (End.OPEN, True)
    assert len(await counter.purse.open_payments()) == 1


async def test_change_that_is_worth_nothing_or_foreign_is_no_change(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    spent = counter.mint.token(4)
    counter.mint.spend(spent)
    foreign = token.Token("https://other.example", Unit.SAT, spent.proofs)
    for text in (token.encode_b(spent), token.encode_b(foreign), "cashuBnonsense"):
        assert (await settle(counter.purse, counter.node, paid, change=text)).end is End.OPEN
    assert len(await counter.purse.open_payments()) == 1
    assert await counter.purse.kept_change(paid) == token.encode_b(spent), "what may be change"


async def test_it_waits_while_the_node_works_on_it(counter: Counter) -> None:
    paid = await paid_five_of_sixteen(counter)
    pending = error(425, "refund_pending")
    counter.node.next(CLAIM, pending, pending, says(200, {}, counter.change(2)))
    assert await settle(counter.purse, counter.node, paid) == Settlement(End.CHANGE, 2)
