import base64
import json
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routstr.errors import InvalidToken, TokenTooLarge, WalletError, ZeroValueToken
from routstr.money import Unit
from routstr.wallet.crypto import hash_to_curve
from routstr.wallet.keysets import AmbiguousKeyset, UnknownKeyset
from routstr.wallet.proofs import ProofDleq, TokenProof
from routstr.wallet.token import (
    MAX_CHARS,
    MAX_PROOFS,
    Token,
    decode,
    decode_raw,
    encode_a,
    encode_b,
    encode_raw,
    expand,
    ys,
)
from tests.unit.wallet.signing import Signer, vectors

VECTORS = vectors("tokens")
SIGNER = Signer()
MINT = "https://mint.example"


def own_token(amounts: tuple[int, ...] = (1, 8), *, dleq: bool = True) -> Token:
    proofs = SIGNER.issue(amounts, dleq=dleq)
    return Token(MINT, Unit.SAT, tuple(proof.for_token() for proof in proofs))


TOKEN = own_token()


def content_v3(text: str) -> dict[str, Any]:
    body = text.removeprefix("cashuA")
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def as_v3(content: object) -> str:
    return "cashuA" + base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def as_v4(content: object) -> str:
    return "cashuB" + base64.urlsafe_b64encode(cbor2.dumps(content)).decode()


# ----- the specification's tokens


def test_v3_as_in_nut_00() -> None:
    expected = VECTORS["v3_content"]
    token = decode(VECTORS["v3"])
    assert (token.mint, token.unit, token.memo) == (
        expected["token"][0]["mint"],
        Unit.SAT,
        expected["memo"],
    )
    assert [
        {"amount": p.amount, "id": p.keyset_id, "secret": p.secret, "C": p.c.hex()}
        for p in token.proofs
    ] == expected["token"][0]["proofs"]
    assert token.amount == 10
    assert encode_a(token) == VECTORS["v3"].rstrip("=")


@pytest.mark.parametrize("name", ["v3_wrong_prefix", "v3_no_prefix"])
def test_v3_with_a_wrong_prefix_is_refused_as_in_nut_00(name: str) -> None:
    with pytest.raises(InvalidToken, match="starts with cashuA or cashuB"):
        decode(VECTORS[name])


def test_v3_with_and_without_padding_as_in_nut_00() -> None:
    assert VECTORS["v3_padded"].endswith("==")
    token = decode(VECTORS["v3_padded"])
    assert token == decode(VECTORS["v3_unpadded"])
    assert token.memo == "Thank you very much."


@pytest.mark.parametrize(
    ("name", "keysets", "amounts", "memo"),
    [
        ("v4_single_keyset", ["00ad268c4d1f5826"], [1], "Thank you"),
        (
            "v4_several_keysets",
            ["00ffd48b8f5ecf80", "00ad268c4d1f5826", "00ad268c4d1f5826"],
            [1, 2, 1],
            None,
        ),
    ],
)
def test_v4_as_in_nut_00(
    name: str, keysets: list[str], amounts: list[int], memo: str | None
) -> None:
    token = decode(VECTORS[name])
    assert (token.mint, token.unit, token.memo) == ("http://localhost:3338", Unit.SAT, memo)
    assert [proof.keyset_id for proof in token.proofs] == keysets
    assert [proof.amount for proof in token.proofs] == amounts
    assert encode_b(token) == VECTORS[name].rstrip("=")


def test_raw_v4_as_in_nut_00() -> None:
    token = decode(VECTORS["v4_single_keyset"])
    raw = bytes.fromhex(VECTORS["v4_raw_hex"])
    assert decode_raw(raw) == token
    assert encode_raw(token) == raw
    assert token.proofs[0].secret == (
        "9a6dbb847bd232ba76db0df197216b29d3b8cc14553cd27827fc1cc942fedb4e"
    )


# ----- round trips


secrets = st.text(min_size=1, max_size=70).filter(lambda s: not s.lstrip().startswith("["))
scalars = st.integers(1, 1 << 250).map(lambda n: n.to_bytes(32, "big"))


@st.composite
def tokens(draw: st.DrawFn) -> Token:
    unit = draw(st.sampled_from(Unit))
    names = draw(st.lists(secrets, min_size=1, max_size=5, unique=True))
    proofs = tuple(
        TokenProof(
            draw(st.integers(1, 1 << 40)),
            draw(st.sampled_from(["009a1f293253e41e", "015ba18a8adcd02e"])),
            secret,
            hash_to_curve(secret.encode()),
            draw(st.none() | st.builds(ProofDleq, scalars, scalars, scalars)),
        )
        for secret in names
    )
    return Token(MINT, unit, proofs, draw(st.none() | st.text(max_size=20)))


@given(tokens())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(token: Token) -> None:
    for text in (encode_a(token), "cashu:" + encode_a(token)):
        assert decode(text) == token
    for back in (decode(encode_b(token)), decode_raw(encode_raw(token))):
        assert sorted(back.proofs, key=lambda p: p.secret) == sorted(
            token.proofs, key=lambda p: p.secret
        )
        assert replace(back, proofs=token.proofs) == token


def test_long_ids_are_cut_in_v4_and_expanded_against_the_mints() -> None:
    back = decode(encode_b(TOKEN))
    assert {proof.keyset_id for proof in back.proofs} == {SIGNER.id[:16]}
    assert expand(back, [SIGNER.id, "009a1f293253e41e"]) == TOKEN
    assert decode(encode_a(TOKEN)) == TOKEN == expand(TOKEN, [SIGNER.id])
    with pytest.raises(UnknownKeyset):
        expand(back, ["009a1f293253e41e"])
    with pytest.raises(AmbiguousKeyset):
        expand(back, [SIGNER.id, SIGNER.id[:16] + "0" * 50])


def test_both_notations_of_the_same_proofs_have_the_same_ys() -> None:
    assert ys(decode(encode_a(TOKEN))) == ys(decode(encode_b(TOKEN)))
    assert ys(TOKEN) == tuple(hash_to_curve(p.secret.encode()) for p in TOKEN.proofs)


@pytest.mark.parametrize("prefix", ["cashu:", "cashu://", "CASHU:", " \n", ""])
def test_uri_prefixes_and_blanks_around_are_ignored(prefix: str) -> None:
    assert decode(prefix + encode_b(TOKEN) + " \n") == decode(encode_b(TOKEN))


def test_plain_base64_is_understood_too() -> None:
    text = next(
        text
        for n in range(40)
        if {"-", "_"} & set((text := encode_b(replace(TOKEN, memo="?>" * n)))[6:])
    )
    assert decode(text.replace("-", "+").replace("_", "/")) == decode(text)


def test_unknown_fields_and_an_unneeded_witness_are_ignored() -> None:
    content = content_v3(encode_a(TOKEN))
    content["future"] = {"a": [1]}
    content["token"][0]["proofs"][0] |= {"witness": None, "p2pk_e": "00", "z": 1.5}
    assert decode(as_v3(content)) == TOKEN
    entry = {
        "i": bytes.fromhex(SIGNER.id),
        "p": [{"a": 1, "s": "x", "c": TOKEN.proofs[0].c, "w": "{}", "pe": b"1"}],
    }
    assert decode(as_v4({"m": MINT, "u": "sat", "t": [entry], "n": None})).amount == 1


def test_a_v3_token_without_unit_is_in_sat() -> None:
    content = content_v3(encode_a(TOKEN))
    del content["unit"]
    assert decode(as_v3(content)).unit is Unit.SAT


def test_several_entries_of_one_mint_are_one_token() -> None:
    content = content_v3(encode_a(TOKEN))
    proofs = content["token"][0]["proofs"]
    content["token"] = [{"mint": MINT, "proofs": [proof]} for proof in proofs]
    assert decode(as_v3(content)) == TOKEN


def test_a_dleq_without_its_blinding_factor_is_left_out() -> None:
    content = content_v3(encode_a(TOKEN))
    del content["token"][0]["proofs"][0]["dleq"]["r"]
    content["token"][0]["proofs"][1]["dleq"] = None
    assert decode(as_v3(content)) == own_token(dleq=False)


# ----- bad tokens


def changed(**changes: object) -> str:
    content = content_v3(encode_a(TOKEN))
    content["token"][0]["proofs"][0] |= changes
    return as_v3(content)


P2PK = json.dumps(
    ["P2PK", {"nonce": "a", "data": "03" + "a" * 64, "tags": [["sigflag", "SIG_INPUTS"]]}]
)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", InvalidToken, "starts with"),
        ("cashuC" + "A" * 20, InvalidToken, "starts with"),
        ("cashuA", InvalidToken, "base64"),
        ("cashuB====", InvalidToken, "base64"),
        ("cashuBA", InvalidToken, "cut off"),
        ("cashuA" + "é" * 8, InvalidToken, "base64"),
        ("cashuAe30 e30", InvalidToken, "base64"),
        (encode_b(TOKEN)[:-8], InvalidToken, "valid"),
        (encode_a(TOKEN)[:-8], InvalidToken, "valid"),
        ("cashuA" + encode_b(TOKEN)[6:], InvalidToken, "valid"),
        ("cashuB" + encode_a(TOKEN)[6:], InvalidToken, "valid"),
        (
            as_v3({"token": [{"mint": m, "proofs": []} for m in "ab"]}),
            InvalidToken,
            "several mints",
        ),
        (as_v3({"token": []}), ZeroValueToken, "no value"),
        (as_v3({"token": [{"mint": MINT, "proofs": []}]}), ZeroValueToken, "no value"),
        (as_v4({"m": MINT, "u": "sat", "t": []}), ZeroValueToken, "no value"),
        (as_v4({"m": MINT, "t": []}), InvalidToken, "valid"),
        (changed(amount=0), InvalidToken, "without value"),
        (changed(amount=-1), InvalidToken, "valid"),
        (changed(amount=1.0), InvalidToken, "valid"),
        (changed(amount=True), InvalidToken, "valid"),
        (changed(amount="1"), InvalidToken, "valid"),
        (changed(amount=1 << 63), InvalidToken, "valid"),
        (changed(amount=(1 << 63) - 1), TokenTooLarge, "more money"),
        (changed(secret=""), InvalidToken, "secret"),
        (changed(secret="x" * 1025), InvalidToken, "secret"),
        (changed(secret=TOKEN.proofs[1].secret), InvalidToken, "same proof twice"),
        (changed(secret=P2PK), InvalidToken, "locked"),
        (changed(secret=" " + P2PK.replace("P2PK", "HTLC")), InvalidToken, "locked"),
        (changed(id="9mlfd5vCzgGl"), InvalidToken, "keyset id"),
        (changed(id="02" + "0" * 64), InvalidToken, "keyset id"),
        (changed(C="02" + "f" * 64), InvalidToken, "no point"),
        (changed(C="zz"), InvalidToken, "valid"),
        (changed(C=None), InvalidToken, "valid"),
        (changed(dleq={"e": "00" * 32, "s": "01" * 32, "r": "01" * 32}), InvalidToken, "DLEQ"),
        (changed(dleq={"e": "01", "s": "01" * 32, "r": "01" * 32}), InvalidToken, "DLEQ"),
        (changed(dleq={"e": "x", "s": "01" * 32, "r": "01" * 32}), InvalidToken, "valid"),
        (changed(dleq={"e": "01" * 32}), InvalidToken, "valid"),
        (encode_b(replace(TOKEN, mint="ftp://mint.example")), InvalidToken, "mint"),
        (encode_b(replace(TOKEN, mint="https://u:p@mint.example")), InvalidToken, "mint"),
        (
            as_v3(content_v3(encode_a(TOKEN)) | {"unit": "usd"}),
            InvalidToken,
            "neither sat nor msat",
        ),
        ("cashuA" + "A" * MAX_CHARS, TokenTooLarge, "longer than"),
    ],
)
def test_bad_tokens_are_refused_in_clear_words(
    text: str, error: type[WalletError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        decode(text)
    assert type(caught.value) is error


def test_a_token_with_too_many_proofs_is_refused() -> None:
    proof = TOKEN.proofs[0]
    proofs = tuple(replace(proof, secret=f"{n}", dleq=None) for n in range(MAX_PROOFS + 1))
    assert len(decode(encode_b(replace(TOKEN, proofs=proofs[1:]))).proofs) == MAX_PROOFS
    with pytest.raises(TokenTooLarge, match="more than 100 proofs"):
        decode(encode_b(replace(TOKEN, proofs=proofs)))


@pytest.mark.parametrize(
    "raw", [b"", b"crawA", b"crawB", b"crawB\xff", b"crawB" + b"\x81" * 99_000]
)
def test_bad_binary_tokens_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidToken):
        decode_raw(raw)


def test_a_binary_token_beyond_the_limit_is_refused() -> None:
    with pytest.raises(TokenTooLarge):
        decode_raw(b"crawB" + b"\x00" * MAX_CHARS)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"token":' + b"[" * 60_000,
        b'{"z":' + b'{"z":' * 12_000,
        b'{"z":' + b"[" * 30_000 + b"]" * 30_000 + b',"token":[]}',
        b'{"token":[],"unit":"\\ud800"}',
        b'{"token":[],"memo":"\xff"}',
        b'{"token":[{"mint":"","proofs":[{"amount":' + b"9" * 60_000,
        b"\xef\xbb\xbf{}",
        b"null",
    ],
)
def test_json_bombs_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidToken):
        decode("cashuA" + base64.urlsafe_b64encode(body).decode())


# ----- fuzzing


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *"tipascdwmuCersmu",
                    "token",
                    "mint",
                    "proofs",
                    "amount",
                    "id",
                    "secret",
                    "unit",
                    "memo",
                    "dleq",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)
cbor_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=34),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*"tipascdwmu"]) | st.integers(), inner, max_size=6)
    ),
    max_leaves=12,
)


def decodes_or_refuses(text: str) -> None:
    try:
        token = decode(text)
    except (InvalidToken, TokenTooLarge, ZeroValueToken):
        return
    assert token.amount > 0
    assert len(ys(token)) == len(token.proofs)
    assert decode(encode_a(token)) == token


@given(
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet="cashuAB:=-_eyJ0o2F0", max_size=40).map(lambda t: "cashuB" + t),
    )
)
@settings(max_examples=100, deadline=None)
def test_any_text_is_decoded_or_refused(text: str) -> None:
    decodes_or_refuses(text)


@given(st.binary(max_size=120), st.sampled_from(["cashuA", "cashuB"]))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_decoded_or_refused(data: bytes, prefix: str) -> None:
    decodes_or_refuses(prefix + base64.urlsafe_b64encode(data).decode())


@given(json_values)
@settings(max_examples=100, deadline=None)
def test_any_json_is_decoded_or_refused(value: object) -> None:
    decodes_or_refuses(as_v3(value))


@given(cbor_values)
@settings(max_examples=100, deadline=None)
def test_any_cbor_is_decoded_or_refused(value: object) -> None:
    decodes_or_refuses(as_v4(value))


@given(st.sampled_from([encode_a(TOKEN), encode_b(TOKEN)]), st.data())
@settings(max_examples=150, deadline=None)
def test_any_damaged_token_is_decoded_or_refused(text: str, data: st.DataObject) -> None:
    raw = bytearray(base64.urlsafe_b64decode(text[6:] + "=="))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    decodes_or_refuses(text[:6] + base64.urlsafe_b64encode(bytes(raw)).decode())


# ----- secrets


def test_nothing_of_a_token_that_could_spend_it_is_printed() -> None:
    shown = f"{TOKEN!r} {TOKEN}"
    assert "mint.example" in shown
    for proof in TOKEN.proofs:
        assert proof.secret not in shown
        assert proof.c.hex() not in shown
        assert repr(proof.c) not in shown


@pytest.mark.parametrize(
    "text", [changed(C="zz"), changed(amount="x"), changed(secret=P2PK), encode_b(TOKEN)[:-9]]
)
def test_errors_do_not_repeat_the_token(text: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        decode(text)
    error = caught.value
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    assert text[6:30] not in error.message
    assert TOKEN.proofs[1].secret[:8] not in error.message
