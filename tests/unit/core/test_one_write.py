import asyncio

import pytest

from routstr.core.one_write import OneWrite

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Line(asyncio.Transport):
    """Keeps what is written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


@pytest.fixture
async def line() -> Line:
    return Line()


@pytest.fixture
async def transport(line: Line) -> OneWrite:
    return OneWrite(line, asyncio.get_running_loop())


async def test_a_head_goes_with_the_first_bytes_after_it(line: Line, transport: OneWrite) -> None:
    transport.write(HEAD)
    transport.write(b"first")
    transport.write(b"second")
    await asyncio.sleep(0)
    assert line.written == [HEAD + b"first", b"second"]


async def test_a_head_that_nothing_follows_waits_for_no_more_than_one_turn(
    line: Line, transport: OneWrite
) -> None:
    transport.write(HEAD)
    assert line.written == []
    await asyncio.sleep(0)
    assert line.written == [HEAD]
    transport.write(b"late")
    assert line.written == [HEAD, b"late"]


async def test_an_empty_body_lets_its_head_go(line: Line, transport: OneWrite) -> None:
    transport.write(HEAD)
    transport.write(b"")
    assert line.written == [HEAD]


async def test_two_answers_in_a_row_come_in_their_order(line: Line, transport: OneWrite) -> None:
    for body in (b"one", b"two"):
        transport.write(HEAD)
        transport.write(body)
    assert b"".join(line.written) == HEAD + b"one" + HEAD + b"two"
    assert len(line.written) == 2


async def test_closing_loses_no_head(line: Line, transport: OneWrite) -> None:
    transport.write(HEAD)
    transport.close()
    assert (line.written, line.closed) == ([HEAD], True)


async def test_who_aborts_writes_nothing_more(line: Line, transport: OneWrite) -> None:
    transport.write(HEAD)
    transport.abort()
    await asyncio.sleep(0)
    assert (line.written, line.closed) == ([], True)
