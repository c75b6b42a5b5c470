import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.redaction import clean, is_secret_name, loggable, loggable_fields, redact
from routstr.core.secret import MASK, Secret
from routstr.money import Msat

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
BASE64 = st.text(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=24, max_size=400
)
SHAPED = st.one_of(
    HEX.map("sk-{}".format),
    BASE64.map("sk-proj-{}".format),
    BASE64.map("cashuA{}".format),
    BASE64.map("cashuB{}=".format),
    BASE64.map("creqA{}".format),
    st.text("023456789acdefghjklmnpqrstuvwxyz", min_size=58, max_size=58).map("nsec1{}".format),
    HEX,
)
# what may stand around a secret; nothing that would make it part of a longer word
SURROUNDINGS = st.text(st.characters(exclude_categories=["Cs", "L", "N"]), max_size=20).map(
    lambda text: text.translate(dict.fromkeys(map(ord, "-_=+/.~:")))
)


@given(SURROUNDINGS, SHAPED, SURROUNDINGS)
def test_no_secret_survives_whatever_stands_around_it(before: str, secret: str, after: str) -> None:
    for text in (clean(f"{before}{secret}{after}"), clean(f"Bearer {secret}{after}")):
        assert secret not in text
        assert secret[-24:] not in text


@given(st.lists(st.tuples(SURROUNDINGS, SHAPED), min_size=1, max_size=5))
def test_every_secret_of_a_text_is_cut(pieces: list[tuple[str, str]]) -> None:
    text = redact("|".join(around + " " + secret for around, secret in pieces))

    assert not [secret for _, secret in pieces if secret in text]


@given(SHAPED)
def test_redacting_twice_changes_nothing_more(secret: str) -> None:
    once = redact(f"a {secret} b")

    assert redact(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key sk-0123456789abcdef!", f"key {MASK}!"),
        ("Authorization: Bearer abc123", f"Authorization: Bearer {MASK}"),
        ("authorization: bearer  eyJhbGciOi.J9.x-y_z", f"authorization: bearer  {MASK}"),
        ("Basic dXNlcjpwYXNzd29yZA==", f"Basic {MASK}"),
        (r"b'\nsk-0123456789abcdef0123'", rf"b'\n{MASK}'"),
        ('"preimage": "00112233445566778899"', f'"preimage": "{MASK}"'),
        ("postgresql+psycopg://u:p%40ss@db/x", f"postgresql+psycopg://{MASK}@db/x"),
        ("https://user@mint.example/a", f"https://{MASK}@mint.example/a"),
        ("cashu:cashuBo2FteBtodHRw", f"cashu:{MASK}"),
        ("ncryptsec1qgg9947rlpvqu76pj5", MASK),
    ],
)
def test_known_shapes(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "task-scheduler started",
        "Send an API key as 'Authorization: Bearer ...'.",
        "Bearer token missing",
        "basic usage of cashu tokens",
        "https://mint.example/Bitcoin?x=a@b",
        "keyset 0123456789abcdef",
        "02" + "ab" * 32,  # 33 bytes: a public key
        "9f5b0a52-1f3e-4a55-9d80-aef03a6e3c11",
        "",
    ],
)
def test_ordinary_texts_stay(text: str) -> None:
    assert redact(text) == text


def test_a_hash_keeps_an_identity_that_can_be_followed() -> None:
    assert redact("ab" * 32) == redact("AB" * 32)
    assert redact("ab" * 32) != redact("cd" * 32)
    assert redact("ab" * 32).startswith("#")


@pytest.mark.parametrize("breaker", ["\x85", "\u2028", "\u2029", "\x9b", "\x7f", "\udcff"])
def test_line_and_terminal_controls_beyond_ascii_are_escaped(breaker: str) -> None:
    text = clean(f"a{breaker}é")

    assert text == f"a\\u{ord(breaker):04x}é"
    assert text.isprintable()
    assert len(text.encode().splitlines()) == 1


@pytest.mark.parametrize("name", ["Authorization", "X-Cashu", "preimage", "api_key", "Set-Cookie"])
def test_some_names_are_secret_whatever_they_hold(name: str) -> None:
    assert is_secret_name(name)
    assert loggable_fields({name: "short"}) == {name: MASK}


@pytest.mark.parametrize("name", ["input_tokens", "key_id", "token_count", "secretary"])
def test_names_that_only_sound_alike_are_shown(name: str) -> None:
    assert loggable_fields({name: "shown"}) == {name: "shown"}


def test_values_become_plain_data() -> None:
    value = {
        "amount": Msat(5),
        "path": Path("/x"),
        "secret": "s",
        "nested": [Secret("s"), b"raw", (1, None, True, 0.5), {"token": {"a": 1}}],
        "error": ValueError("key sk-0123456789abcdef"),
        "big": 2**80,
    }

    assert loggable(value) == {
        "amount": 5,
        "path": "/x",
        "secret": MASK,
        "nested": [MASK, "[3 bytes]", [1, None, True, 0.5], {"token": MASK}],
        "error": f"key {MASK}",
        "big": 2**80,
    }


def test_an_endless_structure_ends() -> None:
    loop: list[object] = []
    loop.append(loop)

    assert len(json.dumps(loggable(loop))) < 200


def test_a_container_is_copied() -> None:
    original = {"a": [1]}
    copy = loggable(original)
    original["a"].append(2)

    assert copy == {"a": [1]}
