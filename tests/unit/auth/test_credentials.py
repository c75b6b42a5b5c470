"""Whose call it is: by the key, or by the proofs of the token, wherever they stand."""

from typing import Final

import pytest

from routstr.auth import keys
from routstr.auth.credentials import credential_of, may_hear
from routstr.core.node_key import NodeKey
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.proofs import TokenProof
from routstr.wallet.token import Token

NODE: Final = NodeKey(bytes(range(32)))


def _token(*secrets: str) -> Token:
    point = bytes.fromhex("02" + "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    proofs = tuple(TokenProof(1, "00" + "a" * 14, secret, point) for secret in secrets)
    return Token("https://mint.example", Unit.SAT, proofs)


ONE: Final = _token("first", "second")
TURNED: Final = _token("second", "first")
OTHER: Final = _token("third")
A, B, ANOTHER = token.encode_a(ONE), token.encode_b(TURNED), token.encode_b(OTHER)


def test_without_any_there_is_none() -> None:
    for nothing in (None, "", "Bearer", "Basic abc"):
        assert credential_of(NODE, authorization=nothing, x_cashu=None) == b""


def test_a_token_counts_however_it_is_written_and_whatever_it_is_sent_as() -> None:
    for named in ("x_cashu", "given"):
        ways = {credential_of(NODE, authorization=None, **{named: text}) for text in (A, B)}
        assert len(ways) == 1
        assert credential_of(NODE, authorization=None, **{named: ANOTHER}) not in ways


def test_as_a_bearer_a_token_is_the_key_that_it_made() -> None:
    key = keys.from_proofs(NODE, token.ys(ONE)).key
    found = {credential_of(NODE, authorization=f"Bearer {text}") for text in (key, A, B)}
    assert len(found) == 1


def test_a_token_as_payment_is_not_the_key_that_it_would_make() -> None:
    bearer = credential_of(NODE, authorization=f"Bearer {A}")
    assert credential_of(NODE, authorization=None, given=A) != bearer


def test_the_more_particular_goes_first() -> None:
    key = credential_of(NODE, authorization="Bearer sk-1")
    paid = credential_of(NODE, authorization=None, x_cashu=A)
    assert credential_of(NODE, authorization="Bearer sk-1", x_cashu=A, given=ANOTHER) == paid
    assert credential_of(NODE, authorization="Bearer sk-1", given=ANOTHER) == key


@pytest.mark.parametrize("junk", ["cashuAjunk", "cashuB", "cashuB" + "A" * 30, "no token"])
def test_what_is_no_token_counts_as_it_is_written(junk: str) -> None:
    found = [
        credential_of(NODE, authorization=f"Bearer {junk}"),
        credential_of(NODE, authorization=None, x_cashu=junk),
        credential_of(NODE, authorization=None, given=junk),
    ]
    assert all(junk.encode() in one for one in found)


@pytest.mark.parametrize(
    ("authorization", "x_cashu", "hears"),
    [
        ("Bearer sk-1", None, True),
        ("Bearer sk-gone", None, False),
        ("bearer sk-gone", "", False),
        ("Bearer sk-gone", A, True),  # the token is what it came with
        (None, None, True),
        ("Basic eA==", None, True),
    ],
)
async def test_who_has_an_unknown_key_hears_no_answer(
    authorization: str | None, x_cashu: str | None, hears: bool
) -> None:
    async def knows(given: str | None) -> bool:
        return given == "Bearer sk-1"

    assert await may_hear(knows, authorization=authorization, x_cashu=x_cashu) is hears
