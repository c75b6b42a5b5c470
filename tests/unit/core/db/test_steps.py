"""Steps get the answers, or what the server refused, whoever carries them on."""

from collections.abc import Sequence

import pytest

from routstr.core.db.steps import Answers, Steps, at_once


def two_trips(operations: Sequence[str]) -> Steps[list[str]]:
    [[[first]]] = yield
    [[[second]]] = yield
    return [f"{one} {first!r} {second!r}" for one in operations]


def test_each_stop_is_one_trip_and_the_result_is_the_end() -> None:
    came = iter([b"1", b"2"])
    assert at_once(lambda: [[[next(came)]]], two_trips(["a"])) == ["a b'1' b'2'"]
    assert list(came) == []


def test_steps_hear_what_the_server_refused() -> None:
    def refused() -> Answers:
        raise ValueError("refused as told")

    def patient() -> Steps[str]:
        try:
            yield
        except ValueError as error:
            return str(error)
        return "nothing"

    assert at_once(refused, patient()) == "refused as told"
    with pytest.raises(ValueError, match="refused as told"):
        at_once(refused, two_trips(["a"]))
