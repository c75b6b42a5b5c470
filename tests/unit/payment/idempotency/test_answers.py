"""What is kept is sealed, and opens for its own record only."""

import pytest
from hypothesis import given, strategies

from routstr.core.node_key import NodeKey, SealBroken
from routstr.payment.idempotency.answers import Answer, Kept, Paid, seal, unseal

NODE = NodeKey(bytes(32))
SCOPE = b"s" * 32
TOKEN = b'{"token":"cashuBsecret"}'
ANSWER = Answer(200, [(b"content-type", b"application/json"), (b"x-cashu", b"cashuB1")], TOKEN)
PAID = Paid("request", "model", 12, 6, 73, None)


@given(
    body=strategies.binary(),
    status=strategies.integers(100, 599),
    headers=strategies.lists(strategies.tuples(strategies.binary(), strategies.binary())),
)
def test_what_was_sealed_comes_out_as_it_was(
    body: bytes, status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    kept = Kept(Answer(status, headers, body), PAID)
    assert unseal(NODE, SCOPE, seal(NODE, SCOPE, kept)) == kept


@pytest.mark.parametrize("kept", [Kept(ANSWER), Kept(paid=PAID), Kept(ANSWER, PAID)])
def test_an_answer_a_receipt_or_both(kept: Kept) -> None:
    assert unseal(NODE, SCOPE, seal(NODE, SCOPE, kept)) == kept


def test_nothing_of_it_can_be_read_without_the_key() -> None:
    sealed = seal(NODE, SCOPE, Kept(ANSWER))
    assert TOKEN not in sealed
    with pytest.raises(SealBroken):
        unseal(NodeKey(b"o" * 32), SCOPE, sealed)


def test_a_sealed_answer_does_not_open_in_another_record() -> None:
    with pytest.raises(SealBroken, match="another record"):
        unseal(NODE, b"t" * 32, seal(NODE, SCOPE, Kept(ANSWER)))


def test_an_answer_does_not_print_what_it_holds() -> None:
    assert repr(Kept(ANSWER)) == "Kept(answer=Answer(200, 24 bytes), paid=None)"
