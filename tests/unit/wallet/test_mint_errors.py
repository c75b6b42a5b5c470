import pytest

from routstr.wallet.mint_errors import (
    MAX_DETAIL_CHARS,
    BadSignature,
    MintBusy,
    MintCode,
    MintDown,
    MintError,
    MintRefusal,
    MintUnclear,
    printable,
)


def test_outcomes_are_distinct_kinds_of_one_error() -> None:
    kinds = (MintRefusal, MintUnclear, MintBusy, MintDown)
    assert all(issubclass(kind, MintError) for kind in kinds)
    assert not any(issubclass(a, b) for a in kinds for b in kinds if a is not b)
    assert issubclass(BadSignature, MintUnclear)


def test_a_refusal_keeps_code_and_words() -> None:
    refusal = MintRefusal(11001, "Token already spent.")
    assert refusal.code == MintCode.PROOFS_SPENT
    assert str(refusal) == "Token already spent. (11001)"
    assert str(MintRefusal(None, "Not Found")) == "Not Found"
    assert str(MintUnclear("no answer")) == "no answer"
    assert MintUnclear("broke", 0).code == 0
    assert str(MintUnclear("broke", 11001)) == "broke (11001)"
    assert str(MintBusy(7)) == "retry in 7 s"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("two\r\nlines\x00 \x1b[31m", "two lines [31m"),
        ("secret " + "ab" * 32 + " seen", "secret ... seen"),
        ("token cashuB" + "o2F0_-" * 20, "token ..."),
        ("x " * 5_000, ("x " * 5_000)[:MAX_DETAIL_CHARS]),
        ("", ""),
    ],
)
def test_a_mints_words_are_made_fit_for_a_log(words: str, shown: str) -> None:
    assert printable(words) == shown
    assert len(printable(words)) <= MAX_DETAIL_CHARS
