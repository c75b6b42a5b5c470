import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from routstr.core.secret import Secret
from routstr.upstream.headers import FORWARDED, RequestHeaders, returned
from routstr.upstream.provider import Provider

BASE = Provider.create("p", "http://host/v1", Secret("sk-provider")).headers

PRIVATE = [
    "Authorization",
    "Cookie",
    "X-Cashu",
    "X-Api-Key",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Real-IP",
    "Forwarded",
    "Via",
    "CF-Connecting-IP",
    "Origin",
    "Referer",
    "User-Agent",
    "Refund-LNURL",
    "Ehbp-Encapsulated-Key",
    "Sec-Fetch-Site",
    "X-Anything-Else",
]
HOP_BY_HOP = [
    "Connection",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Proxy-Authorization",
    "Proxy-Connection",
    "HTTP2-Settings",
    "Expect",
    "Content-Length",
    "Content-Encoding",
    "Host",
]


def built(*received: tuple[str, str], extra: tuple[str, ...] = ()) -> CIMultiDict[str]:
    raw = [(name.lower().encode(), value.encode()) for name, value in received]
    return RequestHeaders(BASE, extra).build(raw)


@pytest.mark.parametrize("name", FORWARDED)
def test_what_is_listed_passes(name: str) -> None:
    assert built((name, "a value"))[name] == "a value"


@pytest.mark.parametrize("name", ["OpenAI-Organization", "OpenAI-Project"])
def test_a_client_does_not_choose_the_account_that_pays_the_provider(name: str) -> None:
    assert name not in FORWARDED
    assert name not in built((name, "org-of-the-client"))


@pytest.mark.parametrize(
    ("betas", "passed"),
    [
        ("context-1m-2025-08-07", None),
        ("Context-1M-2025-08-07, fast-mode-2026-02-01", None),
        ("extended-cache-ttl-2025-04-11,token-efficient-tools", "token-efficient-tools"),
        ("a , context-1m-x,b", "a,b"),
        ("interleaved-thinking-2025-05-14", "interleaved-thinking-2025-05-14"),
        ("", None),
    ],
)
def test_features_with_a_price_of_their_own_are_not_asked_for(
    betas: str, passed: str | None
) -> None:
    assert built(("Anthropic-Beta", betas)).get("Anthropic-Beta") == passed


@pytest.mark.parametrize("name", [*PRIVATE, *HOP_BY_HOP])
def test_nothing_else_of_the_client_reaches_the_provider(name: str) -> None:
    assert "planted" not in "".join(built((name, "planted")).values())


def test_the_providers_own_headers_stand() -> None:
    headers = built(("Authorization", "Bearer x"), ("Content-Type", "text/plain"))
    assert headers == BASE


@pytest.mark.parametrize("named", ["X-Title", "close, x-title", " X-TITLE ,keep-alive"])
def test_what_connection_names_belongs_to_the_connection(named: str) -> None:
    headers = built(("Connection", named), ("X-Title", "planted"), ("OpenAI-Beta", "stays"))
    assert "X-Title" not in headers
    assert headers["OpenAI-Beta"] == "stays"


def test_a_header_of_the_node_survives_being_named_by_the_client() -> None:
    headers = built(("Connection", "accept, authorization"), ("Accept", "planted"))
    assert headers == BASE


def test_forward_headers_widens_the_list() -> None:
    assert built(("X-Trace", "1"), extra=("X-Trace",))["X-Trace"] == "1"
    assert built(("User-Agent", "mine/1"), extra=("User-Agent",))["User-Agent"] == "mine/1"


@pytest.mark.parametrize(
    "name", ["Authorization", "cookie", "X-Cashu", "X-Forwarded-For", "Proxy-Authorization", "TE"]
)
def test_forward_headers_cannot_betray_the_client(name: str) -> None:
    with pytest.raises(ValueError, match="FORWARD_HEADERS"):
        RequestHeaders(BASE, (name,))


@pytest.mark.parametrize("value", [b"a\x00b", b"a\x1b[0m", b"\xff\xfe", "a\u2028b".encode()])
def test_a_value_that_is_no_text_is_not_passed(value: bytes) -> None:
    assert "X-Title" not in RequestHeaders(BASE).build([(b"x-title", value)])


def test_a_value_in_another_script_passes() -> None:
    assert built(("X-Title", "Café ☕"))["X-Title"] == "Café ☕"


@given(st.lists(st.tuples(st.sampled_from([*PRIVATE, *HOP_BY_HOP]), st.text(max_size=9))))
def test_whatever_is_not_listed_changes_nothing(received: list[tuple[str, str]]) -> None:
    kept = [(name, value) for name, value in received if name != "Connection"]
    assert built(*kept) == BASE


def test_of_the_providers_headers_only_waiting_and_working_times_return() -> None:
    answer = CIMultiDict(
        {
            "Retry-After": "7",
            "OpenAI-Processing-Ms": "12",
            "Set-Cookie": "planted",
            "OpenAI-Organization": "org-planted",
            "X-Ratelimit-Remaining-Tokens": "9",
            "X-Request-Id": "planted",
            "Server": "planted",
            "Connection": "close",
        }
    )
    assert returned(CIMultiDictProxy(answer)) == [
        (b"retry-after", b"7"),
        (b"openai-processing-ms", b"12"),
    ]


def test_what_is_kept_made_is_what_would_be_made_anew() -> None:
    headers = RequestHeaders(BASE, ("X-Own",))
    plain = [(b"accept", b"a"), (b"cookie", b"c"), (b"connection", b"keep-alive")]
    named = [(b"accept", b"a"), (b"x-own", b"1"), (b"connection", b"close, x-own")]
    for received in (plain, named, [], [(b"x-own", b"2")], [(b"x-own", b"3" * 600)]):
        made = headers.shared(received)
        assert made == headers.build(received)
        assert headers.shared(received) == made
    assert headers.shared(plain) is headers.shared([(b"x-other", b"1"), *plain])


def test_only_so_much_is_kept_made() -> None:
    headers = RequestHeaders(BASE)
    first = headers.shared([(b"accept", b"0")])
    for number in range(1, 100):
        assert headers.shared([(b"accept", b"%d" % number)])["Accept"] == str(number)
    assert headers.shared([(b"accept", b"0")]) is not first
