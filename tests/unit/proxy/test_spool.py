from hypothesis import given
from hypothesis import strategies as st

from routstr.proxy.spool import Spool


@given(st.lists(st.binary(max_size=64), max_size=12), st.integers(0, 400), st.integers(0, 400))
async def test_what_was_written_is_read_wherever_it_lies(
    pieces: list[bytes], start: int, more: int
) -> None:
    whole = b"".join(pieces)
    start = min(start, len(whole))
    end = min(start + more, len(whole))
    with Spool(memory_bytes=100) as spool:
        for piece in pieces:
            await spool.write(piece)
        assert spool.size == len(whole)
        assert await spool.read(start, end) == whole[start:end]
        assert b"".join([piece async for piece in spool.pieces(start, end)]) == whole[start:end]


async def test_it_can_be_written_after_it_was_read() -> None:
    with Spool(memory_bytes=4) as spool:
        await spool.write(b"on disk")
        assert await spool.read(3, 5) == b"di"
        await spool.write(b"disk, too")
        assert await spool.read(0, spool.size) == b"on diskdisk, too"
