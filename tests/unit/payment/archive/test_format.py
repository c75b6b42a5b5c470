"""A file appears whole, closed to others, over no other; a damaged one is told."""

import gzip
from hashlib import sha256
from pathlib import Path

import pytest

from routstr.payment.archive import format as form
from routstr.payment.archive.format import BadArchive, Head

HEAD = Head(2, 10, 3, "ab" * 32, "cd" * 32)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "one"
    with form.writing(file) as out:
        out.write([form.head_line(HEAD), "T,1"])
        out.write(["P", "ü"])
        assert not file.exists()
        digest = out.digest()
    assert list(form.lines(file))[1:] == ["T,1", "P", "ü"]
    assert form.read_head(next(form.lines(file))) == HEAD
    assert digest == sha256(gzip.decompress(file.read_bytes())).hexdigest()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["one"]


def test_nothing_is_overwritten_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "one"
    with pytest.raises(RuntimeError), form.writing(file):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileExistsError), form.writing(file):
        file.write_text("somebody else's, meanwhile")
    assert file.read_text().startswith("somebody")
    with (
        pytest.raises(FileExistsError, match="nothing is overwritten: finish it"),
        form.writing(file),
    ):
        pass


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip",
        gzip.compress(b"x\n", mtime=0)[:-9],
        gzip.compress(b"cut off", mtime=0),
        gzip.compress(b"\xff\n", mtime=0),
        gzip.compress(b"x" * (1 << 21) + b"\n", mtime=0),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one").write_bytes(content)
    with pytest.raises(BadArchive):
        list(form.lines(tmp_path / "one"))


@pytest.mark.parametrize(
    "line",
    ["", "{}", "[1]", form.head_line(HEAD).replace(form.FILE, "x"), '{"type":1}',
     form.head_line(HEAD).replace('"version":1', '"version":2')],
)  # fmt: skip
def test_what_does_not_begin_as_an_archive_is_none(line: str) -> None:
    with pytest.raises(BadArchive):
        form.read_head(line)
