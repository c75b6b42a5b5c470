"""Every balance is inside of the sum that the node signs, and no other sum can be proven."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.payment.liabilities import Owed, Standing, leaf, prove, verify_proof
from routstr.payment.signing import BadStatement, SigningKey

KEY = SigningKey(b"k" * 32)


def made(*amounts: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    owed = [Owed(f"key{place}", amount) for place, amount in enumerate(amounts)]
    return prove(Standing(owed, 10**9), KEY, 1_700_000_000_000)


@given(st.lists(st.integers(min_value=1, max_value=1 << 61), max_size=40))
def test_everybody_finds_their_balance_in_the_sum(amounts: list[int]) -> None:
    statement, proofs = made(*amounts)
    assert statement["owed_msats"] == sum(amounts)
    balances = [verify_proof(proof, pubkey=KEY.pubkey) for proof in proofs]
    assert sorted(balances) == sorted(amounts or [0])
    if amounts:
        assert {proof["key_id"] for proof in proofs} == {f"key{n}" for n in range(len(amounts))}


@pytest.mark.parametrize(
    ("name", "value"),
    [("balance_msats", 2), ("key_id", "key9"), ("salt", "00"), ("path", []), ("path", None),
     ("balance_msats", -3), ("balance_msats", "3"), ("statement", None), ("type", "x"),
     ("path", [{"side": "up"}]), ("path", [7] * 3)],
)  # fmt: skip
def test_another_balance_or_owner_is_not_proven(name: str, value: object) -> None:
    _, proofs = made(3, 5, 7, 11, 13)
    with pytest.raises(BadStatement):
        verify_proof({**proofs[0], name: value})


def test_a_negative_sum_beside_the_path_is_refused() -> None:
    """With one a node could take a balance out of the total."""
    _, [proof, *_] = made(3, 5, 7, 11)
    wrong = copy.deepcopy(proof)
    wrong["path"][0]["sum_msats"] = -1
    with pytest.raises(BadStatement, match="amount"):
        verify_proof(wrong)


def test_two_roots_of_one_moment_can_be_shown_to_differ() -> None:
    one, other = made(3, 5)[0], made(3)[0]
    assert (one["at_ms"], one["pubkey"]) == (other["at_ms"], other["pubkey"])
    assert one["root"] != other["root"]


def test_a_leaf_is_hashed_as_the_documents_say() -> None:
    assert leaf("00", "key", 7).digest == (
        "12f1af71ed24be539d6f9a251b9673176b6bd4fde42e9dfd1d2ae318de10563a"
    )


def test_the_salts_are_new_each_time() -> None:
    assert made(3)[0]["root"] != made(3)[0]["root"]
