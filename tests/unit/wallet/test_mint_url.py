import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.wallet.mint_url import MAX_URL_CHARS, normal_mint_url


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://8333.space:3338", "https://8333.space:3338"),
        ("http://localhost:3338/", "http://localhost:3338"),
        ("HTTPS://Mint.Example:443//", "https://mint.example"),
        ("http://mint.example:80", "http://mint.example"),
        ("https://mint.example:80", "https://mint.example:80"),
        ("https://mint.example/Bitcoin/", "https://mint.example/Bitcoin"),
        ("http://[::1]:3338", "http://[::1]:3338"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
        ("http://abcdefghij.onion/cashu", "http://abcdefghij.onion/cashu"),
    ],
)
def test_one_mint_has_one_spelling(text: str, normal: str) -> None:
    assert normal_mint_url(text) == normal
    assert normal_mint_url(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mint.example",
        "ftp://mint.example",
        "https://",
        "https:///path",
        "https://:3338",
        "javascript:alert(1)",
        "https://user:pass@mint.example",
        "https://mint.example?x=1",
        "https://mint.example#x",
        "https://mint.example?",
        "https://mint example",
        "https://mint.example/\r\nX: y",
        "https://mint.example:99999",
        "https://mint.example:x",
        "https://mint.exämple",
        "https://[::1",
        "https://mint.example\\@evil.example",
        "https://mint.example/" + "a" * MAX_URL_CHARS,
    ],
)
def test_anything_but_a_plain_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library has words of its own for some
        normal_mint_url(text)


@given(st.one_of(st.text(max_size=60), st.text(max_size=60).map(lambda t: "https://" + t)))
def test_any_text_is_normal_after_one_pass_or_refused(text: str) -> None:
    try:
        normal = normal_mint_url(text)
    except ValueError:
        return
    assert normal_mint_url(normal) == normal
