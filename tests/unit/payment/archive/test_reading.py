"""No line of a file can be changed, taken away or put in unseen."""

from pathlib import Path

import pytest

from routstr.payment.archive import format as form
from routstr.payment.archive import reading
from routstr.payment.archive.format import BadArchive, Head
from tests.unit.payment.archive.sample import BODY, SEAL, file_of, signed


def test_a_file_is_proven_by_itself(tmp_path: Path) -> None:
    file = file_of(tmp_path, signed(BODY))
    parts = list(reading.Walk().parts(file))
    assert [list(part.transfers) for part in parts] == [[2], []]
    assert [list(part.holds) for part in parts] == [[5], [6]]
    proven = reading.prove(file).proven
    assert proven is not None
    assert proven.whole


@pytest.mark.parametrize("place", range(len(BODY)))
def test_a_line_that_is_gone_is_missed(tmp_path: Path, place: int) -> None:
    with pytest.raises(BadArchive):
        reading.prove(file_of(tmp_path, [*signed(BODY)[:place], *signed(BODY)[place + 1 :]]))
    without = [*BODY[:place], *BODY[place + 1 :]]
    if BODY[place] != "P":  # whoever signs it anew is found out as well
        with pytest.raises(BadArchive):
            reading.prove(file_of(tmp_path, signed(without)))


@pytest.mark.parametrize("place", range(len(BODY)))
def test_a_line_that_is_there_twice_is_noticed(tmp_path: Path, place: int) -> None:
    twice = [*BODY[: place + 1], *BODY[place:]]
    with pytest.raises(BadArchive):
        reading.prove(file_of(tmp_path, [*twice, signed(BODY)[-1]]))


@pytest.mark.parametrize(
    ("name", "value"),
    [("removed", 2), ("removed_msats", 41), ("holds", 1), ("kept", ""), ("openings", ""),
     ("content", ""), ("previous", "x"), ("seal", 2), ("seal_digest", "00"), ("number", 2)],
)  # fmt: skip
def test_what_is_signed_must_be_so(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(BadArchive, match="not as it was signed"):
        reading.prove(file_of(tmp_path, signed(BODY, **{name: value})))


@pytest.mark.parametrize(
    "lines",
    [
        [],
        BODY,
        [*signed(BODY), "P"],
        [*BODY[:1], "X,1", *signed(BODY)[1:]],
        [*BODY[:1], "S,one,2,2,aa", *signed(BODY)[1:]],
        [*BODY[:1], "T,1", *signed(BODY)[1:]],
        [*BODY, '{"type":"routstr-archive"}'],
    ],
)
def test_what_is_no_archive_is_told(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(BadArchive):
        reading.prove(file_of(tmp_path, lines))


def test_transfers_that_no_seal_covers_are_none_of_an_archive(tmp_path: Path) -> None:
    body = [line for line in BODY if line[0] != "S"]
    head = form.head_line(Head(1, 0, 1, SEAL.hex(), ""))
    with pytest.raises(BadArchive, match="unsealed"):
        reading.prove(file_of(tmp_path, signed([head, *body[1:]])))
