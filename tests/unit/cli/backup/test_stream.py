"""A sealed stream comes back as it was, and only as it was."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.cli.backup import stream
from routstr.cli.backup.stream import BackupBroken, Facts, SealedReader, SealedWriter

FACTS = Facts(program="1", revision="0001", database="sqlite", made_at=7)
PASSPHRASE = "correct horse battery"
COST = 2


def sealed(*writes: bytes) -> bytes:
    out = io.BytesIO()
    writer = SealedWriter(out, PASSPHRASE, FACTS, cost=COST)
    for data in writes:
        writer.write(data)
    writer.close()
    return out.getvalue()


def opened(data: bytes, size: int, passphrase: str = PASSPHRASE) -> bytes:
    reader = SealedReader(io.BytesIO(data))
    reader.unlock(passphrase)
    clear = reader.read(size)
    reader.finish()
    return clear


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PIECE_BYTES", 16)


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_whatever_was_written_is_read(writes: list[bytes]) -> None:
    whole = b"".join(writes)
    assert opened(sealed(*writes), len(whole)) == whole


@given(st.data())
def test_any_changed_byte_and_any_cut_is_noticed(data: st.DataObject) -> None:
    whole = b"0123456789" * 5
    good = sealed(whole)
    at = data.draw(st.integers(0, len(good) - 1))
    flipped = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    for broken in (flipped, good[:at], good + b"x"):
        with pytest.raises(BackupBroken):
            opened(broken, len(whole))


def test_pieces_cannot_be_left_out_moved_or_taken_from_another_file() -> None:
    whole = bytes(range(48))
    good, other = sealed(whole), sealed(whole)
    piece = 4 + 16 + 16
    head = len(good) - 3 * piece
    first, second, last = (good[head + i * piece : head + (i + 1) * piece] for i in range(3))
    assert good == good[:head] + first + second + last
    foreign = other[head + piece : head + 2 * piece]
    for pieces in (
        (first, last), (second, first, last), (first, second), (first, second, second, last),
        (first, foreign, last), (last,), (first, second, last, last),
    ):  # fmt: skip
        with pytest.raises(BackupBroken):
            opened(good[:head] + b"".join(pieces), 48)


def test_facts_stand_in_clear_and_are_bound_to_the_rest() -> None:
    good = sealed(b"x")
    assert SealedReader(io.BytesIO(good)).facts == FACTS
    with pytest.raises(BackupBroken):
        opened(good.replace(b'"0001"', b'"0002"'), 1)


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(BackupBroken, match="passphrase is another"):
        opened(sealed(b"x"), 1, "incorrect horse battery")


@pytest.mark.parametrize("data", [b"", b"SQLite format 3", stream.MAGIC, stream.MAGIC + b"\0" * 9])
def test_another_file_is_none(data: bytes) -> None:
    with pytest.raises(BackupBroken):
        SealedReader(io.BytesIO(data))


def test_a_file_that_asks_for_too_much_work_is_refused() -> None:
    out = io.BytesIO()
    SealedWriter(out, PASSPHRASE, FACTS, cost=COST)
    huge = out.getvalue().replace(b'"cost":2', b'"cost":3')
    with pytest.raises(BackupBroken, match="too much work"):
        SealedReader(io.BytesIO(huge))
