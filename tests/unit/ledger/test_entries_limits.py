"""Keys with a limit: what is set aside and charged inside it, and keys that have changed."""

from hypothesis import given
from hypothesis import strategies as st

from routstr.ledger.entries import (
    Held,
    KeyMark,
    Operation,
    Placed,
    Refused,
    Release,
    Settled,
    Settlement,
    UnknownHold,
)
from routstr.ledger.limits import Reset
from routstr.money import Msat
from tests.unit.ledger.shelf import FIRST_CUSTOMER, Shelf, expiry, request, settlement

ALICE, BOB = FIRST_CUSTOMER, FIRST_CUSTOMER + 1
DAY = 86_400_000
LOST = 99


def test_a_hold_takes_no_more_than_the_limit_leaves() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 300)
    assert shelf.run(request(ALICE, 500, minimum=1, mark=mark)) == [Held(1, Msat(300), Msat(700))]
    assert shelf.limits[1].held == 300


def test_below_the_minimum_the_limit_is_named_as_the_reason() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 300)
    shelf.run(request(ALICE, 200, mark=mark))
    refused = Refused(Msat(800), Msat(200), closed=False, allowance=Msat(100))
    assert shelf.run(request(ALICE, 200, minimum=101, mark=mark)) == [refused]
    assert shelf.run(request(ALICE, 200, minimum=100, mark=mark)) == [Held(2, Msat(100), Msat(700))]


def test_too_little_money_is_the_reason_when_the_limit_would_allow_it() -> None:
    shelf = Shelf.with_balances(200)
    mark = shelf.limit(ALICE, 300)
    assert shelf.run(request(ALICE, 250, minimum=250, mark=mark)) == [
        Refused(Msat(200), Msat(0), closed=False)
    ]
    both = Refused(Msat(200), Msat(0), closed=False, allowance=Msat(300))
    assert shelf.run(request(ALICE, 250, minimum=301, mark=mark)) == [both], "more money is no help"


def test_a_hold_takes_no_more_than_the_balance_where_the_limit_leaves_more() -> None:
    shelf = Shelf.with_balances(200)
    mark = shelf.limit(ALICE, 300)
    assert shelf.run(request(ALICE, 250, mark=mark)) == [Held(1, Msat(200), Msat(0))]


def test_a_limit_that_is_gone_keeps_nobody_from_being_charged() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 300)
    shelf.run(request(ALICE, 200, mark=mark))
    shelf.limits.clear()
    charged = Settled(Msat(150), Msat(0), Msat(850), Msat(0))
    assert shelf.run(settlement(1, 150)) == [charged]


def test_charges_of_one_period_add_up() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 300)
    shelf.run(request(ALICE, 50, mark=mark), request(ALICE, 60, mark=mark))
    shelf.run(settlement(1, 50), settlement(2, 60))
    assert (shelf.limits[1].spent, shelf.limits[1].charged) == (110, 110)


def test_a_closed_account_is_closed_whatever_the_limit_leaves() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 1, closes=True))
    mark = shelf.limit(ALICE, 0)
    assert shelf.run(request(ALICE, 1, minimum=1, mark=mark)) == [
        Refused(Msat(999), Msat(1), closed=True)
    ]


def test_a_request_that_needs_nothing_passes_a_limit_that_is_used_up() -> None:
    shelf = Shelf.with_balances(1_000)
    assert shelf.run(request(ALICE, 10, mark=shelf.limit(ALICE, 0))) == [
        Held(1, Msat(0), Msat(1_000))
    ]


def test_what_was_not_charged_may_be_spent_again() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 300)
    shelf.run(request(ALICE, 300, mark=mark))
    shelf.run(settlement(1, 120))
    row = shelf.limits[1]
    assert (row.spent, row.held, row.charged, row.requests) == (120, 0, 120, 1)
    assert shelf.run(request(ALICE, 300, mark=mark)) == [Held(2, Msat(180), Msat(700))]
    shelf.run(Release(2))
    assert (row.spent, row.held, row.charged, row.requests) == (120, 0, 120, 1)
    assert shelf.run(request(ALICE, 300, mark=mark)) == [Held(3, Msat(180), Msat(700))]


def test_a_limit_without_a_cap_only_counts() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, None)
    shelf.run(request(ALICE, 900, minimum=900, mark=mark))
    shelf.run(settlement(1, 400))
    assert (shelf.limits[1].spent, shelf.limits[1].requests) == (400, 1)


def test_keys_of_one_account_have_limits_of_their_own() -> None:
    shelf = Shelf.with_balances(1_000)
    one, two = shelf.limit(ALICE, 300), shelf.limit(ALICE, 400)
    answers = shelf.run(
        request(ALICE, 900, mark=one), request(ALICE, 900, mark=two), request(ALICE, 900)
    )
    assert [answer.amount for answer in answers if isinstance(answer, Held)] == [300, 400, 300]


def test_holds_of_one_batch_share_a_limit() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 100)
    answers = shelf.run(*[request(ALICE, 30, minimum=30, mark=mark) for _ in range(5)])
    assert sum(isinstance(answer, Held) for answer in answers) == 3
    assert answers[-1] == Refused(Msat(910), Msat(90), closed=False, allowance=Msat(10))


def test_an_end_makes_room_in_the_limit_for_a_hold_of_the_same_batch() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 100)
    shelf.run(request(ALICE, 100, mark=mark))
    held, _ = shelf.run(request(ALICE, 100, minimum=60, mark=mark), settlement(1, 40))
    assert held == Held(2, Msat(60), Msat(900))


def test_a_charge_counts_in_the_period_of_its_hold() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 100, Reset.DAILY)
    shelf.run(request(ALICE, 100, mark=mark))
    shelf.at = DAY
    assert shelf.run(request(ALICE, 100, minimum=100, mark=mark)) == [Held(2, Msat(100), Msat(800))]
    shelf.run(settlement(1, 70))
    row = shelf.limits[1]
    assert (row.period, row.spent, row.held, row.charged) == (DAY, 0, 100, 70)
    shelf.run(settlement(2, 80))
    assert (row.spent, row.held, row.charged) == (80, 0, 150)


def test_a_hold_that_ends_after_its_period_without_a_charge_changes_nothing() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 100, Reset.DAILY)
    shelf.run(request(ALICE, 100, mark=mark))
    shelf.at = DAY
    shelf.run(request(ALICE, 60, mark=mark))
    shelf.run(Release(1))
    assert shelf.limits[1].held == 60


def test_a_late_charge_takes_what_the_limit_leaves_now() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 100, Reset.DAILY)
    shelf.run(request(ALICE, 90, mark=mark))
    shelf.run(expiry(1))
    assert shelf.limits[1].held == 0
    shelf.at = DAY
    shelf.run(request(ALICE, 70, mark=mark))
    assert shelf.run(settlement(1, 80)) == [Settled(Msat(30), Msat(50), Msat(900), Msat(70))]
    row = shelf.limits[1]
    assert (row.period, row.spent, row.held, row.charged) == (DAY, 30, 70, 30)
    assert (shelf.holds[1].period, shelf.posted[3]) == (DAY, -50), "the rest is a loss"


def test_a_late_charge_begins_a_new_period_by_itself() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 100, Reset.DAILY)
    shelf.run(request(ALICE, 100, mark=mark))
    shelf.run(expiry(1))
    shelf.run(request(ALICE, 100, mark=mark))
    shelf.run(settlement(2, 100))
    shelf.at = DAY
    assert shelf.run(settlement(1, 100))[0] == Settled(Msat(100), Msat(0), Msat(800), Msat(0))
    assert (shelf.limits[1].spent, shelf.limits[1].charged) == (100, 200)


def test_a_late_charge_is_no_more_than_the_balance_either() -> None:
    shelf = Shelf.with_balances(100)
    mark = shelf.limit(ALICE, 500)
    shelf.run(request(ALICE, 100, mark=mark))
    shelf.run(expiry(1))
    shelf.run(request(ALICE, 60))
    assert shelf.run(settlement(1, 100)) == [Settled(Msat(40), Msat(60), Msat(0), Msat(60))]
    assert shelf.limits[1].spent == 40


def test_a_lost_hold_that_is_entered_again_counts_in_its_limit() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 100, Reset.DAILY)
    shelf.at = DAY
    placed = Placed(request(ALICE, 100, mark=mark), Msat(100))
    shelf.run(Settlement(LOST, Msat(60), 1, 1, estimated=False, placed=placed))
    row = shelf.limits[1]
    assert (row.period, row.spent, row.held, row.charged, row.requests) == (DAY, 60, 0, 60, 1)
    assert (shelf.holds[LOST].limit, shelf.holds[LOST].period) == (1, DAY)


def test_a_lost_hold_without_a_limit_counts_in_none() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.limit(ALICE, 100)
    placed = Placed(request(ALICE, 100, mark=KeyMark(0)), Msat(100))
    shelf.run(Settlement(LOST, Msat(60), 1, 1, estimated=False, placed=placed))
    assert shelf.limits[1].charged == 0


def test_a_key_that_has_changed_holds_nothing() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.versions[ALICE] = 3
    stale = [Refused(Msat(1_000), Msat(0), closed=False, stale=True)]
    for version in (2, 4):
        assert shelf.run(request(ALICE, 10, mark=KeyMark(version))) == stale
    assert shelf.run(request(ALICE, 10, mark=KeyMark(3))) == [Held(1, Msat(10), Msat(990))]


def test_a_key_with_a_limit_has_its_limits_version() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.versions[ALICE] = 3
    mark = shelf.limit(ALICE, 100, version=5)
    stale = [Refused(Msat(1_000), Msat(0), closed=False, stale=True)]
    assert shelf.run(request(ALICE, 10, mark=KeyMark(3, mark.limit))) == stale
    assert shelf.run(request(ALICE, 10, mark=mark)) == [Held(1, Msat(10), Msat(990))]


def test_a_limit_that_is_not_there_or_another_accounts_holds_nothing() -> None:
    shelf = Shelf.with_balances(1_000, 1_000)
    mark = shelf.limit(BOB, 100)
    stale = [Refused(Msat(1_000), Msat(0), closed=False, stale=True)]
    assert shelf.run(request(ALICE, 10, mark=mark)) == stale
    assert shelf.run(request(ALICE, 10, mark=KeyMark(0, 17))) == stale
    shelf.run(request(ALICE, 1, closes=True))
    closed = Refused(Msat(999), Msat(1), closed=True, stale=True)
    assert shelf.run(request(ALICE, 10, mark=mark)) == [closed]


def test_limits_that_a_batch_does_not_know_change_nothing_of_it() -> None:
    shelf = Shelf.with_balances(1_000)
    mark = shelf.limit(ALICE, 100)
    shelf.run(request(ALICE, 50, mark=mark))
    shelf.run(request(ALICE, 50))
    assert shelf.run(Release(LOST)) == [UnknownHold(LOST)]
    assert shelf.limits[1].held == 50


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.integers(1, 4), st.integers(0, 200), st.integers(0, 120)),
        st.tuples(st.just("settle"), st.integers(1, 12), st.integers(0, 250)),
        st.tuples(st.just("release"), st.integers(1, 12)),
        st.tuples(st.just("expire"), st.integers(1, 12)),
        st.tuples(st.just("wait"), st.integers(0, 2)),
    ),
    max_size=30,
)


@given(STEPS, st.integers(1, 6))
def test_no_period_of_any_limit_is_ever_exceeded(
    steps: list[tuple[str, int, int, int]], size: int
) -> None:
    shelf = Shelf.with_balances(500, 300)
    marks = {
        1: (ALICE, shelf.limit(ALICE, 150, Reset.DAILY)),
        2: (ALICE, shelf.limit(ALICE, 90)),
        3: (BOB, shelf.limit(BOB, None, Reset.WEEKLY)),
        4: (BOB, KeyMark(0)),
    }
    batch: list[Operation] = []
    for step in steps:
        match step[0]:
            case "hold":
                account, mark = marks[step[1]]
                batch.append(request(account, step[2], minimum=step[3], mark=mark))
            case "settle":
                batch.append(settlement(step[1], step[2]))
            case "release":
                batch.append(Release(step[1]))
            case "expire":
                batch.append(expiry(step[1]))
            case _:
                shelf.run(*batch)
                batch = []
                shelf.at += step[1] * DAY
        if len(batch) >= size:
            shelf.run(*batch)  # proves every equation
            batch = []
    shelf.run(*batch)
