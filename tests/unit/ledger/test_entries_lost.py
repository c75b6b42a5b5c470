"""Holds whose rows a crash of the database server took: ended by what their requests know."""

import pytest
from msgspec.structs import replace

from routstr.ledger.entries import (
    HoldRequest,
    HoldState,
    Operation,
    Placed,
    Release,
    Settled,
    UnknownHold,
)
from routstr.money import ZERO, Msat
from tests.unit.ledger.shelf import FIRST_CUSTOMER, NODE, Shelf, request, settlement

LOST = 99
PLACED = Placed(request(FIRST_CUSTOMER, 300), Msat(300))


def settle(cost: int) -> Operation:
    return replace(settlement(LOST, cost), placed=PLACED)


def release() -> Operation:
    return Release(LOST, placed=PLACED)


@pytest.mark.parametrize(
    ("balance", "cost", "charged", "lost"),
    [(1_000, 60, 60, 0), (1_000, 500, 300, 0), (40, 60, 40, 20), (0, 60, 0, 60), (1_000, 0, 0, 0)],
    ids=["cost", "at most what was held", "at most what is there", "nothing left", "free"],
)
def test_a_settlement_charges_what_a_late_one_would(
    balance: int, cost: int, charged: int, lost: int
) -> None:
    shelf = Shelf.with_balances(balance)
    [answer] = shelf.run(settle(cost))
    rest = Msat(balance - charged)
    assert answer == Settled(Msat(charged), Msat(lost), rest, ZERO)
    assert shelf.holds[LOST].state == HoldState.LATE
    assert shelf.posted[NODE.revenue] == charged + lost
    assert shelf.posted[NODE.loss] == -lost


def test_it_is_charged_once_however_often_it_is_asked() -> None:
    shelf = Shelf.with_balances(1_000)
    answers = [*shelf.run(settle(60), settle(60)), *shelf.run(settle(70)), *shelf.run(release())]
    assert answers == [Settled(Msat(60), ZERO, Msat(940), ZERO)] * 4


def test_a_release_charges_nothing_and_a_settlement_after_it_does() -> None:
    shelf = Shelf.with_balances(1_000)
    assert shelf.run(release()) == [Settled(ZERO, ZERO, Msat(1_000), ZERO)]
    assert shelf.holds[LOST].state == HoldState.EXPIRED
    assert shelf.run(settle(60)) == [Settled(Msat(60), ZERO, Msat(940), ZERO)]


@pytest.mark.parametrize("end", [settle(60), release()], ids=["settled", "released"])
def test_one_that_closed_its_account_closes_it_again(end: Operation) -> None:
    assert not isinstance(end, HoldRequest)
    shelf = Shelf.with_balances(1_000)
    placed = Placed(request(FIRST_CUSTOMER, 300, closes=True), Msat(300))
    shelf.run(replace(end, placed=placed))
    assert shelf.closed == {FIRST_CUSTOMER}


def test_other_holds_of_the_account_are_not_touched() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(FIRST_CUSTOMER, 900))
    assert shelf.run(settle(300)) == [Settled(Msat(100), Msat(200), ZERO, Msat(900))]


def test_a_hold_that_is_there_is_ended_as_it_stands() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(FIRST_CUSTOMER, 50))
    known = replace(settlement(1, 60), placed=PLACED)
    assert shelf.run(known) == [Settled(Msat(50), Msat(10), Msat(950), ZERO)]
    assert shelf.holds[1].state == HoldState.SETTLED


def test_without_a_word_of_how_it_was_placed_it_is_unknown() -> None:
    shelf = Shelf.with_balances(1_000)
    assert shelf.run(settlement(LOST, 60), Release(LOST)) == [UnknownHold(LOST)] * 2
    elsewhere = Placed(request(FIRST_CUSTOMER + 7, 300), Msat(300))
    assert shelf.run(replace(settlement(LOST, 60), placed=elsewhere)) == [UnknownHold(LOST)]
    assert shelf.holds == {}
