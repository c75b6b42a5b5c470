from dataclasses import replace

import pytest

from routstr.errors import UpstreamError, UpstreamTimeout
from routstr.upstream.blame import Blame
from routstr.upstream.carrier import BUSY_SECONDS, REFUSED_SECONDS, Carrier, Line, rest_of
from routstr.upstream.faults import refusal
from tests.unit.upstream.carriers import Alarms, carrier, profile

MODEL = "vendor/m"


def fail(
    one: Carrier, line: Line, status: int = 0, *, now: float = 0, wait: int | None = None
) -> Blame:
    headers = {} if wait is None else {"Retry-After": str(wait)}
    error: UpstreamError = refusal(status, b"", headers, MODEL) if status else UpstreamTimeout()
    return one.failed(line, error, one.breaker.enter(now), model=MODEL, now=now)


def number(one: Carrier, now: float = 0, model: str = MODEL) -> int | None:
    line = one.line(now, model)
    return None if line is None else line.number


def test_keys_are_used_in_turn() -> None:
    one = carrier("a", "b", "c")
    assert sorted(number(one) or 0 for _ in range(3)) == [1, 2, 3]
    assert [number(one) for _ in range(3)] == [number(one) for _ in range(3)]
    keys = {line.provider.api_key.reveal() for line in one.lines}
    assert keys == {"a", "b", "c"}


def test_a_provider_without_keys_is_asked_without_one() -> None:
    one = carrier()
    assert len(one.lines) == 1
    assert "Authorization" not in one.lines[0].provider.headers


def test_a_key_is_not_tried_twice_for_one_request() -> None:
    one = carrier("a", "b")
    first = one.line(0, MODEL)
    assert first is not None
    second = one.line(0, MODEL, (first,))
    assert second is not None
    assert second is not first
    assert one.line(0, MODEL, (first, second)) is None
    assert carrier("a").line(0, MODEL, one.lines) is not None


@pytest.mark.parametrize(("wait", "until"), [(7, 7), (None, BUSY_SECONDS), (10**5, 3_600)])
def test_a_key_that_must_wait_rests_as_long_as_it_is_told(wait: int | None, until: int) -> None:
    one = carrier("a", "b")
    assert fail(one, one.lines[0], 429, wait=wait) is Blame.BUSY
    assert {number(one) for _ in range(4)} == {2}
    assert {number(one, until - 0.1) for _ in range(4)} == {2}
    assert {number(one, until) for _ in range(4)} == {1, 2}
    assert one.available(0, MODEL)


def test_with_its_last_key_the_provider_rests() -> None:
    one = carrier("a")
    fail(one, one.lines[0], 429, wait=7)
    assert not one.available(6.9, MODEL)
    assert number(one) is None
    assert one.line(0, MODEL, resting=True) is one.lines[0]
    assert rest_of(one, 2) == 5
    assert one.available(7, MODEL)


@pytest.mark.parametrize("status", [401, 402, 407])
def test_a_refused_key_rests_long_and_the_operator_is_told(status: int) -> None:
    alarms = Alarms()
    one = carrier("sk-planted", "b", alarms=alarms)
    assert fail(one, one.lines[0], status) is Blame.KEY
    assert {number(one, REFUSED_SECONDS - 1) for _ in range(4)} == {2}
    ((name, facts),) = alarms.raised
    assert name == "provider_key_refused"
    assert facts == {"provider": "p", "key": 1, "status": status, "model": None}


def test_a_403_rests_the_key_for_that_model_alone() -> None:
    one = carrier("a")
    assert fail(one, one.lines[0], 403) is Blame.MODEL
    assert not one.available(1, MODEL)
    assert one.available(1, "another")
    assert one.available(REFUSED_SECONDS, MODEL)


def test_a_key_that_is_accepted_again_serves_again_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = carrier("a")
    fail(one, one.lines[0], 401)
    one.worked(one.lines[0])
    one.worked(one.lines[0])
    assert one.available(1, MODEL)
    assert caplog.messages == ["provider_key_accepted"]


def test_a_refusal_does_not_count_against_the_provider() -> None:
    one = carrier("a")
    for _ in range(10):
        assert fail(one, one.lines[0], 400) is Blame.CLIENT
        fail(one, one.lines[0], 429, wait=0)
    assert one.available(0, MODEL)
    assert one.breaker.state(0) == "closed"


def test_failures_in_a_row_leave_the_provider_alone_and_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = carrier("a")
    assert [fail(one, one.lines[0]) for _ in range(3)] == [Blame.PROVIDER] * 3
    assert not one.available(0, MODEL)
    assert one.last_problem == "upstream_timeout"
    assert caplog.messages == ["provider_left_alone"]


def test_answers_that_break_off_count_too() -> None:
    one = carrier("a")
    for _ in range(3):
        one.broke_off(UpstreamError(), 0)
    assert not one.available(0, MODEL)


def test_what_a_model_refuses_is_remembered_for_that_model() -> None:
    one = carrier("a")
    assert one.corrections("m") is None
    one.learn("m", "max_tokens", "max_completion_tokens")
    one.learn("m", "temperature", None)
    assert one.corrections("m") == {"max_tokens": "max_completion_tokens", "temperature": None}
    assert one.corrections("n") is None


def test_what_a_type_refuses_is_left_out_of_every_request() -> None:
    one = carrier("a", kind="perplexity")
    assert one.corrections("m") == {"stream_options": None}
    one.learn("m", "temperature", None)
    assert one.corrections("m") == {"stream_options": None, "temperature": None}


def test_what_is_known_of_a_provider_outlives_a_change_of_its_fee() -> None:
    alarms = Alarms()
    before = Carrier(profile("p", "a", "b"), alarms.parts())
    before.learn("m", "temperature", None)
    fail(before, before.lines[1], 401)
    for _ in range(3):
        fail(before, before.lines[0])
    after = Carrier(profile("p", "b", "c", priority=5), alarms.parts())
    after.inherit(before)
    assert after.breaker.state(0) == "open"
    assert after.corrections("m") == {"temperature": None}
    assert [line.awake(0, "m") for line in after.lines] == [False, True]


def test_another_address_starts_afresh() -> None:
    alarms = Alarms()
    before = Carrier(profile("p", "a"), alarms.parts())
    for _ in range(3):
        fail(before, before.lines[0])
    after = Carrier(profile("p", "a", base_url="https://new.example"), alarms.parts())
    after.inherit(before)
    assert after.available(0, MODEL)


def test_what_a_provider_of_unknown_type_lacks_is_remembered_as_long_as_it_is_the_same() -> None:
    alarms = Alarms()
    before = Carrier(profile("p", "a"), alarms.parts())
    assert before.may_lack(refusal(404, b"", {}, MODEL))
    assert not before.may_lack(refusal(400, b"", {}, MODEL))
    before.lacks("/v1/messages")
    after = Carrier(profile("p", "b"), alarms.parts())
    after.inherit(before)
    assert not after.speaks("/v1/messages")
    assert after.speaks("/v1/chat/completions")
    moved = Carrier(profile("p", "a", base_url="https://new.example"), alarms.parts())
    moved.inherit(before)
    assert moved.speaks("/v1/messages")


def test_a_provider_of_a_known_type_lacks_what_its_type_lacks() -> None:
    one = carrier("a", kind="gemini")
    assert not one.speaks("/v1/messages")
    assert not one.may_lack(refusal(404, b"", {}, MODEL))


def test_an_endpoint_is_built_once_for_each_path_and_model_that_its_address_names() -> None:
    (line,) = carrier("a").lines
    assert line.endpoint("chat/completions", "m") is line.endpoint("chat/completions", "n")
    assert line.endpoint("embeddings", "m") is not line.endpoint("chat/completions", "m")
    (azure,) = carrier("a", kind="azure").lines
    assert azure.endpoint("embeddings", "m") is azure.endpoint("embeddings", "m")
    assert azure.endpoint("embeddings", "m") is not azure.endpoint("embeddings", "n")


def test_rests_that_are_over_are_forgotten() -> None:
    (line,) = carrier("a").lines
    for model in range(1_000):
        line.rest(str(model), model + 1, model)
    assert len(line.rests) == 1


def test_failures_are_counted_but_not_what_the_client_did_wrong() -> None:
    told: list[tuple[str, str]] = []
    parts = replace(Alarms().parts(), failures=lambda provider, code: told.append((provider, code)))
    one = Carrier(profile("p", "a"), parts)
    assert fail(one, one.lines[0], 400) is Blame.CLIENT
    assert told == []
    fail(one, one.lines[0])
    one.broke_off(UpstreamTimeout(), 0)
    assert told == [("p", "upstream_timeout")] * 2
