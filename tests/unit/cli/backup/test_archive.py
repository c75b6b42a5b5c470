"""Parts by name, in their order, and a proven end."""

import io

import pytest

from routstr.cli.backup import archive
from routstr.cli.backup.stream import BackupBroken, Facts, SealedReader, SealedWriter

FACTS = Facts(program="1", revision="0001", database="sqlite", made_at=7)


def read(data: bytes) -> dict[str, bytes]:
    reader = SealedReader(io.BytesIO(data))
    reader.unlock("p")
    return {name: b"".join(archive.parts(reader)) for name in archive.names(reader)}


def test_parts_come_back_by_name() -> None:
    out = io.BytesIO()
    writer = SealedWriter(out, "p", FACTS, cost=2)
    archive.add(writer, archive.KEY, [b"k", b"", b"ey"])
    archive.add(writer, archive.TABLE + "empty", [])
    archive.end(writer)
    assert read(out.getvalue()) == {"secret key": b"key", "table empty": b""}


@pytest.mark.parametrize("tail", [b"", b"\xff\xff\xff\xff", b"\0\0\0\x05abc"])
def test_what_ends_too_early_or_is_too_long_is_broken(tail: bytes) -> None:
    out = io.BytesIO()
    writer = SealedWriter(out, "p", FACTS, cost=2)
    writer.write(tail)
    writer.close()
    with pytest.raises(BackupBroken):
        read(out.getvalue())


def test_nothing_may_follow_the_end() -> None:
    out = io.BytesIO()
    writer = SealedWriter(out, "p", FACTS, cost=2)
    writer.write(b"\0\0\0\0more")
    writer.close()
    with pytest.raises(BackupBroken, match="more in the file"):
        read(out.getvalue())
