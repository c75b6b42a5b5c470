"""S8: a request ends where every reader says that it ends; behind an odd one nothing is served.

Each case is followed by a second paid request on the same connection: had it been read as part of
another message, or answered at all, a provider would have been asked.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devkit.ports import free_port
from tests.security.proxy import nginx
from tests.security.wire import BODY, Served, chunked, head, serving, whole
from tests.unit.upstream.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = chunked(BODY)
SIZE = b"%x" % len(BODY)


def coded(value: str, *more: str) -> bytes:
    return head(f"Transfer-Encoding: {value}", *more) + CHUNKS


def framed(field: str) -> bytes:
    return head(field) + BODY


ODD_LENGTHS = {
    "two lengths": head(LENGTH, "Content-Length: 5") + BODY,
    "the same length twice": head(LENGTH, LENGTH) + BODY,
    "a list of lengths": framed(f"{LENGTH}, {len(BODY)}"),
    "a length with a sign": framed(f"Content-Length: +{len(BODY)}"),
    "a negative length": framed("Content-Length: -1"),
    "a length in hexadecimal": framed(f"Content-Length: {len(BODY):#x}"),
    "a length with an underscore": framed("Content-Length: 1_0"),
    "an empty length": framed("Content-Length:"),
    "two numbers": framed("Content-Length: 5 5"),
    "a length of 2^64 and 5": framed(f"Content-Length: {2**64 + 5}"),
    "a length behind a vertical tab": framed(f"Content-Length: \x0b{len(BODY)}"),
    "a length with a space before its colon": framed(f"Content-Length : {len(BODY)}"),
    "a folded length": framed(f"Content-Length:\r\n {len(BODY)}"),
}
ODD_CODINGS = {
    "a length and chunks": head(LENGTH, CHUNKED) + CHUNKS,
    "chunks and a length": head(CHUNKED, LENGTH) + CHUNKS,
    "chunks twice": head(CHUNKED, CHUNKED) + CHUNKS,
    "chunks and identity": head(CHUNKED, "Transfer-Encoding: identity") + CHUNKS,
    "identity and a length": head("Transfer-Encoding: identity", LENGTH) + BODY,
    **{
        f"the coding {value!r}": coded(value)
        for value in (
            "xchunked", "identity", "gzip", "gzip, chunked", "chunked, identity", "chunked,chunked",
            "chunked;a=b", '"chunked"', "\x0bchunked", "chunked\x00", "chunked\x0c", "",
        )
    },
    "a coding with a space before its colon": head("Transfer-Encoding : chunked") + CHUNKS,
    "a coding with a space before its name": head(" Transfer-Encoding: chunked") + CHUNKS,
    "a folded coding": head("Transfer-Encoding:\r\n chunked") + CHUNKS,
    "chunks in HTTP/1.0": coded("chunked").replace(b"HTTP/1.1", b"HTTP/1.0", 1),
}  # fmt: skip
ODD_LINES = {
    "bare line feeds": whole().replace(b"\r\n", b"\n"),
    "a bare line feed between fields": head(f"X: a\n{LENGTH}") + BODY,
    "a bare line feed at the end of the head": head(LENGTH)[:-2] + b"\n" + BODY,
    "a bare carriage return": head(f"X: a\r{LENGTH}") + BODY,
    "a carriage return in a name": head("X\r: a", LENGTH) + BODY,
    "two carriage returns": head("X: a\r", LENGTH) + BODY,
    "a folded field": head("X: a\r\n b", LENGTH) + BODY,
    "NUL in a field": head("X: a\x00b", LENGTH) + BODY,
    "a field without a colon": head("Xabc", LENGTH) + BODY,
    "a field without a name": head(": a", LENGTH) + BODY,
    "a space in a name": head("X Y: a", LENGTH) + BODY,
    "no host": head(LENGTH, host="") + BODY,
    "two hosts": head(LENGTH, "Host: elsewhere") + BODY,
    "HTTP/0.9": head(LENGTH, line="POST /v1/chat/completions") + BODY,
    "HTTP/1.2": head(LENGTH, line="POST /v1/chat/completions HTTP/1.2") + BODY,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a space in the path": head(LENGTH, line="POST /v1/chat /completions HTTP/1.1") + BODY,
    "a method in small letters": head(LENGTH, line="post /v1/chat/completions HTTP/1.1") + BODY,
    "a tunnel": head(line="CONNECT elsewhere:80 HTTP/1.1"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
ODD_CHUNKS = {
    name: head(CHUNKED) + rest
    for name, rest in {
        "a chunk of 2^68": b"FFFFFFFFFFFFFFFFF\r\n" + BODY,
        "a chunk with 0x": b"0x" + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        "a negative chunk": b"-1\r\n" + BODY,
        "a space behind the size": SIZE + b" \r\n" + BODY + b"\r\n0\r\n\r\n",
        "a space before the size": b" " + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        "no size": b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        "a bare line feed behind the size": SIZE + b"\n" + BODY + b"\r\n0\r\n\r\n",
        "a bare line feed behind the chunk": SIZE + b"\r\n" + BODY + b"\n0\r\n\r\n",
        "a bare line feed in an extension": SIZE + b";a\nb\r\n" + BODY + b"\r\n0\r\n\r\n",
        "nothing behind the chunk": SIZE + b"\r\n" + BODY + b"0\r\n\r\n",
        "a chunk longer than it says": b"3\r\n" + BODY + b"\r\n0\r\n\r\n",
        "an end of bare line feeds": SIZE + b"\r\n" + BODY + b"\r\n0\n\n",
        "a length behind the body": CHUNKS[:-2] + b"Content-Length: 50\r\n\r\n",
        "a coding behind the body": CHUNKS[:-2] + b"Transfer-Encoding: chunked\r\n\r\n",
    }.items()
}
REFUSED = {**ODD_LENGTHS, **ODD_CODINGS, **ODD_LINES, **ODD_CHUNKS}
PLAIN = {
    "one after the other": whole(),
    "a name that is like another": head("Transfer_Encoding: chunked", LENGTH) + BODY,
    "a length with zeros": framed(f"Content-Length: 000{len(BODY)}"),
    "chunks": head(CHUNKED) + chunked(BODY[:5], BODY[5:]),
    "chunks in capitals": coded("CHUNKED"),
    "a chunk with an extension": head(CHUNKED) + SIZE + b";a=b\r\n" + BODY + b"\r\n0;c\r\n\r\n",
    "a protocol that is not spoken": whole(BODY, "Connection: Upgrade", "Upgrade: h2c"),
    "one in chunks, which HTTP/2 is offered": head(
        CHUNKED, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"
    ) + CHUNKS,
}  # fmt: skip
LAST = whole(BODY, "Connection: close")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.mark.parametrize("odd", REFUSED.values(), ids=REFUSED)
async def test_s08_an_odd_request_is_refused_and_what_follows_is_not_read(
    served: Served, odd: bytes
) -> None:
    paid = served.paid
    answer = await served.tell(odd + whole())
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.") == 1
    assert b"connection: close\r\n" in answer
    assert b'"code":"invalid_request"' in answer
    assert served.paid == paid
    assert served.node.books.held == 0


@pytest.mark.parametrize("plain", PLAIN.values(), ids=PLAIN)
async def test_s08_what_has_one_meaning_is_served_once_and_so_is_what_follows(
    served: Served, plain: bytes
) -> None:
    paid = served.paid
    answer = await served.tell(plain + LAST)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2, answer
    assert served.paid == paid + 2


async def test_s08_trailers_change_no_request(served: Served) -> None:
    body = CHUNKS[:-2] + b"X-Cashu: cashuBnothing\r\nContent-Encoding: gzip\r\n\r\n"
    paid = served.paid
    answer = await served.tell(head(CHUNKED) + body + LAST)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2, answer
    assert served.paid == paid + 2


async def test_s08_in_any_pieces_it_is_the_same(served: Served) -> None:
    """Byte by byte: the parser keeps its place between two reads."""
    wire = await served.connect()
    for byte in head("Connection: Upgrade", "Upgrade: h2c", LENGTH) + BODY + LAST:
        wire.writer.write(bytes([byte]))
        await wire.writer.drain()
    assert (await wire.rest()).count(b"HTTP/1.1 200 OK\r\n") == 2
    wire.writer.close()


async def test_s08_an_odd_request_behind_a_good_one_ends_the_connection(served: Served) -> None:
    answer = await served.tell(whole() + ODD_LENGTHS["two lengths"] + whole())
    assert answer.count(b"HTTP/1.") <= 1
    await until(lambda: served.node.books.held == 0)


@pytest.mark.slow
async def test_s08_behind_nginx_nothing_of_it_is_served_either(
    served: Served, tmp_path: Path
) -> None:
    """With the configuration that comes with the node; keep-alive connections stay usable."""
    port = free_port()
    async with nginx(tmp_path, port, served.port):
        for name, odd in REFUSED.items():
            paid = served.paid
            answer = await served.tell(odd + LAST, port)
            told = answer.count(b"HTTP/1.1 200 OK\r\n")
            assert served.paid - paid == told <= 2, f"{name}: {answer!r}"
            follows = await served.tell(LAST, port)
            assert follows.count(b"HTTP/1.1 200 OK\r\n") == 1, f"after {name}: {follows!r}"
        for name, plain in PLAIN.items():
            answer = await served.tell(plain + LAST, port)
            assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2, f"{name}: {answer!r}"
            follows = await served.tell(LAST, port)
            assert follows.count(b"HTTP/1.1 200 OK\r\n") == 1, f"after {name}: {follows!r}"
