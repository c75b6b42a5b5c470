"""Which proofs are renewed, and for which others."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.wallet.amounts import CannotSplit
from routstr.wallet.keysets import Keyset
from routstr.wallet.tidying import EXPIRY_SOON_S, INPUTS_MAX, SPARE, Stocked, Tidying, plan, spread

NOW_S = 1_700_000_000
KEYS: Mapping[int, bytes] = {1 << n: b"" for n in range(12)}


def keyset(name: str, *, active: bool = True, fee: int = 0, expiry: int | None = None) -> Keyset:
    return Keyset(name, "sat", active, fee, expiry, keys=KEYS)


NEW = keyset("new")


def stock(*amounts: int, of: Keyset = NEW, first: int = 0) -> list[Stocked]:
    return [
        Stocked(first + index, amount, of.input_fee_ppk, of.id)
        for index, amount in enumerate(amounts)
    ]


def tidy(proofs: list[Stocked], *keysets: Keyset, most: int = 8) -> Tidying | None:
    known = {one.id: one for one in (NEW, *keysets)}
    return plan(proofs, known, NEW, per_amount_max=most, now_s=NOW_S)


def test_few_proofs_stay_as_they_are() -> None:
    assert tidy([]) is None
    assert tidy(stock(*[1] * 8, *[2] * 8, 1024)) is None


def test_too_many_of_one_amount_become_few_larger_ones() -> None:
    found = tidy(stock(*[1] * 20))
    assert found is not None
    assert (found.gross, found.fee, len(found.ids)) == (16, 0, 16), "half of the most stays"
    assert found.amounts == (2, 2, 4, 4, 4)


def test_what_is_made_fills_the_gaps_first() -> None:
    found = tidy(stock(*[1] * 36, 2, 2, 8))
    assert found is not None
    assert found.gross == 32
    assert found.amounts == (4, 4, 8, 16)


def test_the_largest_amount_there_is_cannot_become_larger() -> None:
    assert tidy(stock(*[2048] * 50)) is None


def test_renewing_is_not_paid_for_when_it_changes_little() -> None:
    assert tidy(stock(*[1] * 5), most=4) is None
    assert tidy(stock(*[1] * 8, *[2] * 3), most=4) is not None


def test_where_gaps_would_take_too_many_proofs_they_stay() -> None:
    found = tidy(stock(*[2] * 12, of=keyset("new", fee=100)), most=4)
    assert found is not None
    assert (found.gross, found.fee, found.amounts) == (20, 1, (1, 2, 16))


def test_proofs_of_an_inactive_keyset_leave_it_however_few_they_are() -> None:
    old = keyset("old", active=False, fee=100)
    found = tidy([*stock(1024, of=old), *stock(*[1] * 20, first=10)], old)
    assert found is not None
    assert (found.ids, found.gross, found.fee) == ((0,), 1024, 1)
    assert sum(found.amounts) == 1023


def test_keysets_that_expire_soon_go_first_and_their_largest_proofs_before_others() -> None:
    later = keyset("later", active=False)
    soon = keyset("soon", expiry=NOW_S + 3_600)
    proofs = [*stock(*[64] * 90, of=later), *stock(*range(1, 31), of=soon, first=100)]
    found = tidy(proofs, later, soon)
    assert found is not None
    assert len(found.ids) == INPUTS_MAX
    assert set(range(100, 130)) <= set(found.ids)
    much_later = keyset("much later", expiry=NOW_S + EXPIRY_SOON_S + 60)
    assert tidy(stock(1, 2, of=much_later), much_later) is None


def test_a_proof_that_costs_what_it_is_worth_stays() -> None:
    dear = keyset("dear", active=False, fee=1_000)
    assert tidy(stock(*[1] * 20, of=dear), dear) is None
    found = tidy(stock(1, 1, 2, of=dear), dear)
    assert found is not None
    assert (found.ids, found.amounts) == ((2,), (1,))


def test_proofs_of_a_keyset_that_is_not_known_stay() -> None:
    assert tidy(stock(1024, of=keyset("lost"))) is None


def test_what_a_keyset_cannot_hold_stays_where_it_is() -> None:
    old = keyset("old", active=False)
    even = Keyset("even", "sat", active=True, input_fee_ppk=0, keys={2: b"", 4: b""})
    proofs = stock(1, of=old)
    known = {one.id: one for one in (old, even)}
    assert plan(proofs, known, even, per_amount_max=8, now_s=NOW_S) is None


@given(
    st.lists(st.sampled_from([1 << n for n in range(12)]), max_size=150),
    st.integers(4, 40),
    st.sampled_from([0, 1, 100, 900]),
)
def test_tidying_up_comes_to_an_end_and_loses_only_fees(
    amounts: list[int], most: int, fee_ppk: int
) -> None:
    """Each swap makes proofs fewer; when it has ended, none but the largest are too many."""
    own = keyset("new", fee=fee_ppk)
    proofs = stock(*amounts, of=own)
    while (found := plan(proofs, {own.id: own}, own, per_amount_max=most, now_s=NOW_S)) is not None:
        assert sum(found.amounts) + found.fee == found.gross
        kept = [proof.amount for proof in proofs if proof.id not in found.ids]
        assert found.gross + sum(kept) == sum(proof.amount for proof in proofs)
        assert len(found.amounts) < len(found.ids)
        proofs = stock(*kept, *found.amounts, of=own)


@given(st.integers(0, 5_000), st.dictionaries(st.sampled_from(list(KEYS)), st.integers(0, 4)))
def test_an_amount_is_spread_over_what_is_missing(amount: int, have: dict[int, int]) -> None:
    pieces = spread(amount, have, KEYS)
    assert sum(pieces) == amount
    assert pieces == sorted(pieces)
    made = Counter(pieces)
    missing = [piece for piece in KEYS if have.get(piece, 0) + made[piece] < SPARE]
    if missing:  # the money did not reach so far
        assert all(made[piece] <= SPARE + 1 for piece in KEYS)


def test_an_amount_that_has_no_pieces_is_not_spread() -> None:
    with pytest.raises(CannotSplit):
        spread(3, {}, {2: b"", 8: b""})
