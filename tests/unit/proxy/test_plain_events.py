from hypothesis import given
from hypothesis import strategies as st

from routstr.proxy.plain_events import is_plain, plain_bytes
from tests.unit.proxy.test_sse import COST, DONE, HI, USAGE, chunk, data, scan

LONG = data(chunk("x" * 600))
NULL = data(chunk(usage=None)).replace(b": ", b":")
EVENTS = (
    HI, LONG, LONG, NULL, NULL, COST, DONE, data(chunk("bye", usage=USAGE)), data({"error": "x"}),
    data(chunk('"error"')), data(chunk("[DONE]")), b": alive\n\n", b": alive\n" + HI, b"\n",
    b"\n\n", data(chunk(), newline="\r\n"), HI[:-1], b"data: x\r\r",
)  # fmt: skip


@given(st.lists(st.sampled_from(EVENTS), max_size=12))
def test_a_stream_in_one_piece_is_read_as_event_by_event(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert scan(whole) == scan(*[whole[at : at + 1] for at in range(len(whole))])


@given(st.lists(st.sampled_from(EVENTS), max_size=12))
def test_what_goes_on_unseen_is_plain(parts: list[bytes]) -> None:
    whole = b"".join(parts) or HI
    plain = whole[: plain_bytes(whole)]
    assert not plain or (is_plain(plain) and plain.endswith((b"\n\n", b"\r\n\r\n")))


def test_all_before_the_first_of_interest_goes_on() -> None:
    many = LONG * 3 + NULL
    for last in (COST, DONE, data({"error": "x"}), b": alive\n\n"):
        assert plain_bytes(many + last + LONG) == len(many)
    assert plain_bytes(many + LONG[:-1]) == len(many)
    assert plain_bytes(many) == len(many)
    assert plain_bytes(COST + many) == plain_bytes(b": alive\n\n" + many) == 0
