"""S25: what outsiders write is read or refused, and streams alike however they are cut.

The same few inputs each time; ``make fuzz`` reads as many as there is time for.
"""

import random

import pytest

from tests.security import fuzz
from tests.security.fuzz_targets import targets
from tests.security.fuzzing import Slow, Target, cut, once

FEW = 120


@pytest.mark.parametrize("name", targets())
def test_s25_whatever_comes_is_read_or_refused(name: str) -> None:
    target = targets()[name]
    for number in range(FEW):
        once(target, number, seed=25)


@pytest.mark.parametrize("name", targets())
def test_s25_what_is_right_is_read(name: str) -> None:
    """Else every change to it would be refused for the same reason."""
    target = targets()[name]
    for seed in target.seeds:
        target.read(seed, random.Random(0))


def test_s25_a_parser_that_fails_or_dawdles_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(data: bytes, _chance: random.Random) -> None:
        if b"\xff" in data:
            raise KeyError

    target = Target(fails, [b"good"])

    def some() -> None:
        for number in range(1_000):
            once(target, number, seed=1)

    with pytest.raises(KeyError) as found:
        some()
    (note,) = found.value.__notes__
    assert "of seed 1: b'" in note
    assert fuzz.main(["--minutes", "0.001", "--seed", "5", "--only", "usage"]) == 0
    assert "usage" in capsys.readouterr().out


def test_s25_pieces_are_the_whole() -> None:
    chance = random.Random(3)
    for size in (0, 1, 50, 3_000):
        data = chance.randbytes(size)
        for _ in range(20):
            assert b"".join(cut(data, chance)) == data
    assert issubclass(Slow, AssertionError)
