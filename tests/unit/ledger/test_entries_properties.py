"""Any order of holds and ends, in batches of any size, keeps every equation of the ledger."""

from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from routstr.ledger.entries import Answer, Held, HoldRequest, Operation, Refused, Release
from tests.unit.ledger.shelf import FIRST_CUSTOMER, Shelf, expiry, request, settlement

ACCOUNTS = 3
HOLDS = 6
balances = st.lists(st.integers(0, 1_000), min_size=ACCOUNTS, max_size=ACCOUNTS)
accounts = st.integers(FIRST_CUSTOMER, FIRST_CUSTOMER + ACCOUNTS)  # the last one does not exist
amounts = st.integers(-1, 1_200)
hold_ids = st.integers(1, HOLDS + 1)
holds = st.builds(request, accounts, amounts, minimum=amounts)
ends = st.one_of(
    st.builds(settlement, hold_ids, amounts),
    st.builds(Release, hold_ids),
    st.builds(expiry, hold_ids),
)
sequences = st.lists(st.one_of(holds, holds, ends, ends), max_size=24)
cuts = st.lists(st.integers(1, 8), max_size=24)


def batches(operations: Sequence[Operation], sizes: Sequence[int]) -> Iterator[Sequence[Operation]]:
    """Cut a sequence into batches of these sizes, the rest into single ones."""
    start = 0
    for size in [*sizes, *[1] * len(operations)]:
        if start < len(operations):
            yield operations[start : start + size]
        start += size


def ends_first(operations: Sequence[Operation]) -> list[Operation]:
    return sorted(operations, key=lambda operation: isinstance(operation, HoldRequest))


@given(balances, sequences, cuts)
def test_the_books_agree_after_every_batch(
    paid_in: list[int], operations: list[Operation], sizes: list[int]
) -> None:
    shelf = Shelf.with_balances(*paid_in)
    for batch in batches(operations, sizes):
        shelf.run(*batch)  # proves every equation


@given(balances, sequences, cuts)
def test_a_batch_does_what_its_operations_do_one_by_one(
    paid_in: list[int], operations: list[Operation], sizes: list[int]
) -> None:
    together, apart = Shelf.with_balances(*paid_in), Shelf.with_balances(*paid_in)
    for batch in batches(operations, sizes):
        answers = together.run(*batch)
        in_order = [together_answer for _, together_answer in _ordered(batch, answers)]
        assert in_order == [apart.run(one)[0] for one in ends_first(batch)]
    assert together == apart


@given(balances, st.lists(holds, max_size=HOLDS), st.lists(ends, max_size=18), cuts, cuts)
def test_how_a_sequence_is_cut_into_batches_makes_no_difference(
    paid_in: list[int],
    placed: list[Operation],
    ended: list[Operation],
    sizes: list[int],
    other_sizes: list[int],
) -> None:
    one, other = Shelf.with_balances(*paid_in), Shelf.with_balances(*paid_in)
    for operations in (placed, ended):
        answers = [a for batch in batches(operations, sizes) for a in one.run(*batch)]
        assert answers == [
            a for batch in batches(operations, other_sizes) for a in other.run(*batch)
        ]
    assert one == other


@given(balances, sequences)
def test_a_hold_lies_between_its_minimum_and_what_there_is(
    paid_in: list[int], operations: list[Operation]
) -> None:
    shelf = Shelf.with_balances(*paid_in)
    for operation in operations:
        if not isinstance(operation, HoldRequest):
            shelf.run(operation)
            continue
        exists = operation.account in shelf.posted
        before = shelf.available(operation.account) if exists else 0
        answer = shelf.run(operation)[0]
        if isinstance(answer, Held):
            assert max(operation.minimum, 0) <= answer.amount <= before
            assert answer.amount == min(before, max(operation.minimum, operation.wanted, 0))
            assert answer.available == before - int(answer.amount)
        else:
            assert isinstance(answer, Refused)
            assert answer.closed is not exists
            assert answer.available == before
            assert not exists or before < operation.minimum


@given(balances, sequences, sequences)
def test_doing_everything_again_charges_nobody_twice(
    paid_in: list[int], operations: list[Operation], more: list[Operation]
) -> None:
    shelf = Shelf.with_balances(*paid_in)
    shelf.run(*operations)
    shelf.run(*more)
    every_end = [one for one in [*operations, *more] if not isinstance(one, HoldRequest)]
    # an end that named a hold before it existed finds it now; after that nothing is left to do
    shelf.run(*every_end)
    posted, holds_then = dict(shelf.posted), len(shelf.holds)
    shelf.run(*every_end, *every_end)
    assert (shelf.posted, len(shelf.holds)) == (posted, holds_then)


def _ordered(
    batch: Sequence[Operation], answers: Sequence[Answer]
) -> list[tuple[Operation, Answer]]:
    pairs = zip(batch, answers, strict=True)
    return sorted(pairs, key=lambda pair: isinstance(pair[0], HoldRequest))
