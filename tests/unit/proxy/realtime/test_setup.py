"""The dearer of what was wished and what is told, until the provider has answered."""

from typing import Any

import pytest

from routstr.proxy.realtime.setup import Setup, read_limit

PCM, PHONE = 48_000, 8_000


def heard(**fields: Any) -> dict[str, Any]:
    return {"audio": {"input": fields}}


@pytest.mark.parametrize(
    ("session", "automatic"),
    [
        (heard(turn_detection=None), False),
        ({"turn_detection": None}, False),
        (heard(turn_detection={"type": "server_vad"}), True),
        (heard(turn_detection={"type": "semantic_vad", "create_response": False}), False),
        ({"turn_detection": {"type": "server_vad", "create_response": True}}, True),
        (heard(turn_detection="odd"), True),
        ({}, True),
        ({"audio": None}, True),
    ],
)
def test_whether_responses_begin_by_themselves(session: dict[str, Any], *, automatic: bool) -> None:
    setup = Setup()
    setup.tell(session, answers=False)
    assert setup.automatic is automatic


def test_a_wish_that_makes_it_cheaper_counts_when_it_was_answered() -> None:
    setup = Setup()
    setup.ask(heard(turn_detection=None) | {"max_output_tokens": 10}, "a")
    assert (setup.automatic, setup.max_output) == (True, None)
    setup.tell(heard(turn_detection=None) | {"max_output_tokens": 10}, answers=True)
    assert (setup.automatic, setup.max_output) == (False, 10)


def test_a_wish_that_makes_it_dearer_counts_at_once() -> None:
    setup = Setup()
    setup.tell(
        heard(turn_detection=None, transcription=None, format={"type": "audio/pcm"})
        | {"max_output_tokens": 10},
        answers=False,
    )
    wish = heard(turn_detection={}, transcription={"model": "m"}, format={"type": "audio/pcmu"})
    setup.ask({**wish, "max_output_tokens": 20}, "a")
    assert setup.automatic
    assert setup.transcribing
    assert (setup.max_output, setup.bytes_per_second) == (20, PHONE)
    setup.ask({"max_output_tokens": "inf"}, "b")
    assert setup.max_output is None


def test_what_is_told_between_two_wishes_is_of_yesterday() -> None:
    setup = Setup()
    setup.ask({}, "a")
    setup.ask({}, "b")
    setup.tell(heard(turn_detection=None), answers=True)
    assert [setup.automatic] == [True]
    setup.tell(heard(turn_detection=None), answers=True)
    assert [setup.automatic] == [False]


def test_a_wish_that_is_refused_leaves_what_was_told() -> None:
    setup = Setup()
    setup.tell(heard(turn_detection=None, transcription=None), answers=False)
    setup.ask(heard(turn_detection={}, transcription={}), "a")
    setup.refuse("another")
    assert (setup.automatic, setup.transcribing) == (True, True)
    setup.refuse("a")
    assert (setup.automatic, setup.transcribing) == (False, False)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [({"type": "audio/pcm"}, PCM), ("pcm16", PCM), ("g711_ulaw", PHONE), ({"type": "odd"}, PHONE)],
)
def test_sound_that_is_not_known_is_taken_for_the_leanest(kind: Any, expected: int) -> None:
    setup = Setup()
    setup.bytes_per_second = 1
    session = {"input_audio_format": kind} if isinstance(kind, str) else heard(format=kind)
    setup.tell(session, answers=False)
    assert setup.bytes_per_second == expected


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        ({}, (False, None)),
        ({"max_output_tokens": 5}, (True, 5)),
        ({"max_response_output_tokens": 5}, (True, 5)),
        ({"max_output_tokens": "inf"}, (True, None)),
        ({"max_output_tokens": -1}, (True, None)),
        ({"max_output_tokens": True}, (True, None)),
        ({"max_output_tokens": 10**9}, (True, None)),
    ],
)
def test_limits_of_output(holder: dict[str, Any], expected: tuple[bool, int | None]) -> None:
    assert read_limit(holder) == expected
