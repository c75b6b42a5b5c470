"""Each rule of a hold's life, with the exact figures."""

import pytest

from routstr.ledger.entries import (
    CUSTOMERS,
    NEVER_NEGATIVE,
    OPERATORS,
    AccountKind,
    Held,
    HoldState,
    NodeAccounts,
    Operation,
    Posting,
    Refused,
    Release,
    Settled,
    Settlement,
    TransferKind,
    UnknownHold,
    charge_key,
    decide,
    loss_key,
)
from routstr.money import MAX_MSAT, Msat
from tests.unit.ledger.shelf import (
    FIRST_CUSTOMER,
    NODE,
    Shelf,
    expiry,
    request,
    settlement,
)

ALICE, BOB = FIRST_CUSTOMER, FIRST_CUSTOMER + 1


@pytest.mark.parametrize(
    ("balance", "minimum", "wanted", "amount"),
    [
        (1_000, 100, 400, 400),
        (1_000, 100, 1_000, 1_000),
        (1_000, 100, 5_000, 1_000),  # as much as there is
        (1_000, 1_000, 1_000, 1_000),
        (1_000, 300, 200, 300),  # never less than what was admitted
        (1_000, 0, 0, 0),
        (0, 0, 0, 0),
        (1_000, -5, -5, 0),
    ],
)
def test_a_hold_is_what_is_wanted_within_minimum_and_balance(
    balance: int, minimum: int, wanted: int, amount: int
) -> None:
    shelf = Shelf.with_balances(balance)
    answers = shelf.run(request(ALICE, wanted, minimum=minimum))
    assert answers == [Held(1, Msat(amount), Msat(balance - amount))]
    assert (shelf.posted[ALICE], shelf.held[ALICE]) == (balance, amount)


def test_a_hold_below_its_minimum_is_refused_and_told_what_there_is() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    answers = shelf.run(request(ALICE, 5_000, minimum=701))
    assert answers == [Refused(Msat(700), Msat(300), closed=False)]
    assert len(shelf.holds) == 1


def test_a_closed_account_takes_no_holds_and_its_open_ones_end() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    shelf.closed.add(ALICE)
    answers = shelf.run(request(ALICE, 1), settlement(1, 120))
    assert answers[0] == Refused(Msat(880), Msat(0), closed=True)
    assert shelf.posted[ALICE] == 880


def test_a_hold_that_closes_its_account_is_the_only_one_it_ever_takes() -> None:
    shelf = Shelf.with_balances(1_000)
    first, second = shelf.run(request(ALICE, 300, closes=True), request(ALICE, 1, closes=True))
    assert first == Held(1, Msat(300), Msat(700))
    assert second == Refused(Msat(700), Msat(300), closed=True)
    assert shelf.run(settlement(1, 120)) == [Settled(Msat(120), Msat(0), Msat(880), Msat(0))]
    assert shelf.run(request(ALICE, 1)) == [Refused(Msat(880), Msat(0), closed=True)]


def test_a_hold_that_was_refused_closes_nothing() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 1_001, minimum=1_001, closes=True))
    assert shelf.run(request(ALICE, 5)) == [Held(1, Msat(5), Msat(995))]


def test_an_unknown_account_is_refused() -> None:
    assert Shelf().run(request(99, 1)) == [Refused(Msat(0), Msat(0), closed=True)]


def test_holds_of_one_batch_share_the_balance_in_their_order() -> None:
    shelf = Shelf.with_balances(1_000, 50)
    answers = shelf.run(
        request(ALICE, 700, minimum=700),
        request(BOB, 40),
        request(ALICE, 700, minimum=700),
        request(ALICE, 700, minimum=1),
        request(ALICE, 1, minimum=1),
    )
    assert answers == [
        Held(1, Msat(700), Msat(300)),
        Held(2, Msat(40), Msat(10)),
        Refused(Msat(300), Msat(700), closed=False),
        Held(3, Msat(300), Msat(0)),
        Refused(Msat(0), Msat(1_000), closed=False),
    ]


def test_ends_free_money_for_the_holds_of_the_same_batch() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 1_000))
    answers = shelf.run(request(ALICE, 5_000, minimum=900), settlement(1, 60))
    assert answers == [
        Held(2, Msat(940), Msat(0)),
        Settled(Msat(60), Msat(0), Msat(940), Msat(0)),
    ]


@pytest.mark.parametrize(
    ("cost", "charged", "uncollected"),
    [
        (0, 0, 0),
        (1, 1, 0),
        (299, 299, 0),
        (300, 300, 0),
        (301, 300, 1),
        (MAX_MSAT, 300, MAX_MSAT - 300),
        (10**30, 300, MAX_MSAT - 300),  # no absurd cost outgrows a column
        (-7, 0, 0),
    ],
)
def test_a_settlement_charges_the_cost_within_the_hold(
    cost: int, charged: int, uncollected: int
) -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300), request(ALICE, 200))
    answers = shelf.run(settlement(1, cost))
    rest = 1_000 - charged
    assert answers == [Settled(Msat(charged), Msat(uncollected), Msat(rest - 200), Msat(200))]
    assert shelf.posted[NODE.revenue] == charged
    assert shelf.posted[NODE.loss] == 0
    assert shelf.requests[ALICE] == 1


def test_a_settlement_leaves_its_posting_and_its_record() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    decision = shelf.decide([settlement(1, 120)])
    assert decision.postings == [
        Posting(ALICE, NODE.revenue, 120, TransferKind.CHARGE, charge_key(1), 1, 880)
    ]
    ended = decision.ended[1]
    assert (ended.state, ended.charged, ended.uncollected) == (HoldState.SETTLED, 120, 0)
    assert (ended.prompt_tokens, ended.completion_tokens, ended.estimated) == (12, 34, False)
    assert (decision.revenue, decision.loss) == (120, 0)


@pytest.mark.parametrize("estimated", [False, True])
def test_a_settlement_remembers_whether_its_tokens_were_counted_by_the_node(
    *, estimated: bool
) -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    shelf.run(Settlement(1, Msat(1), 0, 0, estimated=estimated))
    assert shelf.holds[1].estimated is estimated


@pytest.mark.parametrize(
    ("told", "kept"), [(0, 0), (7, 7), (-1, 0), (MAX_MSAT, MAX_MSAT), (MAX_MSAT + 1, MAX_MSAT)]
)
def test_a_settlement_remembers_who_served_and_what_that_cost(told: int, kept: int) -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    served = Settlement(1, Msat(1), 0, 0, estimated=False, provider="near", own_cost=told)
    ended = shelf.decide([served]).ended[1]
    assert (ended.provider, ended.own_cost) == ("near", kept)


def test_a_free_request_counts_and_moves_nothing() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    decision = shelf.decide([settlement(1, 0)])
    assert decision.postings == []
    assert decision.accounts[ALICE].requests == 1
    assert decision.ended[1].state == HoldState.SETTLED


def test_a_second_settlement_repeats_the_first_answer() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    first = shelf.run(settlement(1, 350))
    again = shelf.run(settlement(1, 10), settlement(1, 299))
    assert again == first * 2
    assert shelf.posted[ALICE] == 700


def test_of_several_ends_in_one_batch_the_first_counts() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    answers = shelf.run(settlement(1, 20), Release(1), expiry(1), settlement(1, 300))
    assert answers == [Settled(Msat(20), Msat(0), Msat(980), Msat(0))] * 4
    assert shelf.holds[1].state == HoldState.SETTLED


def test_settlements_of_one_batch_add_up() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300), request(ALICE, 200))
    decision = shelf.decide([settlement(1, 120), settlement(2, 50)])
    alice = decision.accounts[ALICE]
    assert (alice.posted, alice.spent, alice.requests) == (830, 170, 2)
    assert (decision.revenue, decision.loss) == (170, 0)


@pytest.mark.parametrize("expire", [False, True])
def test_a_release_gives_everything_back(*, expire: bool) -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    answers = shelf.run(Release(1, expire=expire))
    assert answers == [Settled(Msat(0), Msat(0), Msat(1_000), Msat(0))]
    assert shelf.holds[1].state == (HoldState.EXPIRED if expire else HoldState.RELEASED)
    assert shelf.requests[ALICE] == 0


def test_a_released_hold_is_not_charged_any_more() -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    shelf.run(Release(1))
    assert shelf.run(settlement(1, 200)) == [Settled(Msat(0), Msat(0), Msat(1_000), Msat(0))]
    assert shelf.holds[1].state == HoldState.RELEASED


@pytest.mark.parametrize(
    ("taken_meanwhile", "cost", "charged", "lost"),
    [
        (0, 120, 120, 0),
        (0, 500, 300, 0),  # the hold is the limit, as it was in time
        (900, 120, 100, 20),
        (1_000, 120, 0, 120),
        (1_000, 0, 0, 0),
        (900, -1, 0, 0),
    ],
)
def test_a_late_settlement_takes_what_is_there_once(
    taken_meanwhile: int, cost: int, charged: int, lost: int
) -> None:
    shelf = Shelf.with_balances(1_000)
    shelf.run(request(ALICE, 300))
    shelf.run(expiry(1))
    shelf.run(request(ALICE, taken_meanwhile))
    available = 1_000 - taken_meanwhile - charged
    late = Settled(Msat(charged), Msat(lost), Msat(available), Msat(taken_meanwhile))
    assert shelf.run(settlement(1, cost), settlement(1, cost)) == [late, late]
    assert shelf.run(settlement(1, 300)) == [late]
    assert shelf.posted[NODE.loss] == -lost
    assert shelf.posted[NODE.revenue] == charged + lost
    assert shelf.holds[1].state == HoldState.LATE
    assert shelf.requests[ALICE] == 1


def test_a_late_loss_is_the_nodes_own_posting() -> None:
    shelf = Shelf.with_balances(100)
    shelf.run(request(ALICE, 100))
    shelf.run(expiry(1))
    shelf.run(request(ALICE, 70))
    decision = shelf.decide([settlement(1, 90)])
    assert decision.postings == [
        Posting(ALICE, NODE.revenue, 30, TransferKind.CHARGE, charge_key(1), 1, 70),
        Posting(NODE.loss, NODE.revenue, 60, TransferKind.LATE_LOSS, loss_key(1), 1, None),
    ]
    assert (decision.revenue, decision.loss) == (90, 60)


def test_late_losses_of_one_batch_add_up() -> None:
    shelf = Shelf.with_balances(100)
    shelf.run(request(ALICE, 60), request(ALICE, 40))
    shelf.run(expiry(1), expiry(2))
    shelf.run(request(ALICE, 100))
    decision = shelf.decide([settlement(1, 50), settlement(2, 30)])
    assert (decision.revenue, decision.loss) == (80, 80)


@pytest.mark.parametrize("operation", [settlement(7, 1), Release(7), expiry(7)])
def test_the_end_of_an_unknown_hold_is_answered_so(operation: Operation) -> None:
    shelf = Shelf.with_balances(1_000)
    assert shelf.run(operation) == [UnknownHold(7)]
    assert shelf.posted[ALICE] == 1_000


def test_an_empty_batch_changes_nothing() -> None:
    decision = decide([], [], [], [], NodeAccounts(1, 2))
    assert (decision.answers, decision.placed, decision.ended, decision.postings) == (
        [],
        [],
        {},
        [],
    )


def test_what_nobody_touched_is_not_marked_for_storing() -> None:
    shelf = Shelf.with_balances(1_000, 1_000)
    shelf.run(request(ALICE, 10))
    shelf.run(Release(1))
    decision = shelf.decide([request(BOB, 5), Release(1), request(ALICE, 1, minimum=2_000)])
    assert {row.id for row in decision.accounts.values() if row.touched} == {BOB}
    assert decision.ended == {}


def test_numbers_in_old_books_keep_their_meaning() -> None:
    assert {kind.name: kind.value for kind in AccountKind} == {
        "KEY": 1,
        "PAYMENT": 2,
        "UNCLAIMED": 3,
        "SUSPENSE": 4,
        "IN_FLIGHT": 5,
        "ASSET": 10,
        "TRANSIT": 11,
        "REVENUE": 20,
        "MINT_FEES": 21,
        "ROUNDING": 22,
        "LOSS": 23,
        "DONATIONS": 24,
        "CAPITAL": 25,
        "PAYOUTS": 26,
    }
    assert {kind.name: kind.value for kind in TransferKind}.items() >= {
        "DEPOSIT": 1,
        "CHARGE": 2,
        "REFUND": 3,
        "MINT_FEE": 4,
        "LATE_LOSS": 5,
        "CLAIM": 6,
        "REFUND_UNDONE": 7,
        "CAPITAL": 8,
        "LIGHTNING_REFUND": 9,
        "LIGHTNING_RETURN": 10,
        "LIGHTNING_PAID": 11,
        "PAYOUT": 12,
        "PAYOUT_RETURN": 13,
        "FOUND": 30,
        "LOST": 31,
        "CHILD_KEYS": 40,
    }.items()
    assert [state.name for state in HoldState] == [
        *("OPEN", "SETTLED", "RELEASED", "EXPIRED", "LATE")
    ]
    assert [state.value for state in HoldState] == [0, 1, 2, 3, 4]


def test_what_is_owed_to_somebody_never_goes_below_zero() -> None:
    assert {AccountKind.KEY, AccountKind.PAYMENT} == CUSTOMERS
    owed = {AccountKind.UNCLAIMED, AccountKind.SUSPENSE, AccountKind.IN_FLIGHT}
    assert CUSTOMERS | owed == NEVER_NEGATIVE
    moved = {AccountKind.ASSET, AccountKind.TRANSIT}
    assert NEVER_NEGATIVE | OPERATORS | moved == set(AccountKind), "each is owed, own, or an asset"


def test_keys_of_transfers_stay_what_old_books_have() -> None:
    assert charge_key(258) == b"C\x00\x00\x00\x00\x00\x00\x01\x02"
    assert loss_key(258) == b"L\x00\x00\x00\x00\x00\x00\x01\x02"


def test_keys_of_charges_and_losses_never_meet() -> None:
    keys = {make(hold) for make in (charge_key, loss_key) for hold in (1, 2, 255, 256, 2**63 - 1)}
    assert len(keys) == 10
    assert {len(key) for key in keys} == {9}
