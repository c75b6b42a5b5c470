import json

from hypothesis import given
from hypothesis import strategies as st

from routstr.payment.usage import Usage
from routstr.proxy.dialects.finale import Finale, FinaleScanner

FINALE = Finale("/v1/x", "x", "data", (), last_events=frozenset({"x.completed"}))


def event(kind: str, **more: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


USAGE = {"input_tokens": 3, "output_tokens": 5}
PARTIAL = event("x.partial", b64_json="AAAA")
STREAM = PARTIAL + event("x.text.delta", delta="Grüße") + event("x.completed", usage=USAGE)


def scan(stream: bytes, cuts: list[int] | None = None) -> tuple[FinaleScanner, bytes]:
    heard: list[FinaleScanner] = []
    finale = Finale("/v1/x", "x", "data", (), last_events=FINALE.last_events, watch=heard.append)
    finale.scanner(1 << 16)
    (scanner,) = heard
    passed, start = b"", 0
    for cut in [*sorted(cuts or []), len(stream)]:
        passed += scanner.feed(stream[start:cut])
        start = max(start, cut)
    return scanner, passed + scanner.end()


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_the_last_event_waits_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    scanner, passed = scan(STREAM, cuts)
    assert passed == PARTIAL + event("x.text.delta", delta="Grüße")
    assert scanner.usage == Usage(3, 5)
    assert scanner.told_usage == USAGE
    assert (scanner.pictures, scanner.characters, scanner.said) == (1, 5, 5)
    assert not scanner.outdated


def test_an_earlier_last_event_goes_on_when_another_comes() -> None:
    scanner, passed = scan(event("x.completed", n=1) + event("x.completed", n=2))
    assert passed == b'event: x.completed\ndata: {"type":"x.completed","n":1}\n\n'
    assert scanner.pictures == 2
    assert scanner.closing is not None


def test_a_usage_that_says_a_duration_is_remembered() -> None:
    scanner, _ = scan(event("x.completed", usage={"type": "duration", "seconds": 9}))
    assert scanner.usage is None
    assert scanner.told_usage == {"type": "duration", "seconds": 9}


def test_errors_are_kept_back() -> None:
    scanner, passed = scan(PARTIAL + event("error", message="No."))
    assert passed == PARTIAL
    assert scanner.error == {"message": "No."}
