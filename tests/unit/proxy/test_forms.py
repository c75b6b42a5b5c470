import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message

from routstr.errors import BodyTimeout, BodyTooLarge, InvalidParameter, UnsupportedBody
from routstr.proxy.forms import Form, FormLimits, read_form
from routstr.proxy.multipart import Reader, boundary_of
from routstr.proxy.spool import Spool
from routstr.proxy.wire import ClientGone, Head
from routstr.upstream.deadlines import Deadlines
from tests.unit.core.asgi import http_scope

RAW = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nsmall\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    + b"sound" * 100
    + b"\r\n--b--\r\n"
)


async def form(
    spool: Spool,
    raw: bytes = RAW,
    *,
    limit: int = 1 << 16,
    idle_s: float = 1,
    then: Iterable[Message] = (),
    encoding: bytes = b"",
) -> Form:
    half = len(raw) // 2
    messages: list[Message] = [
        {"type": "http.request", "body": raw[:half], "more_body": True},
        *then,
        {"type": "http.request", "body": raw[half:], "more_body": False},
    ]

    async def receive() -> Message:
        message = messages.pop(0)
        if message["type"] == "silence":
            await asyncio.sleep(10)
        return message

    scope = http_scope("POST", "/", [("Content-Type", "multipart/form-data; boundary=b")])
    head = Head()
    head.encoding = encoding
    deadlines = Deadlines(sweep_s=0.01)
    return await read_form(scope, receive, head, spool, FormLimits(limit, idle_s), deadlines)


async def test_it_is_written_anew_with_its_changes_and_its_exact_length() -> None:
    with Spool(memory_bytes=64) as spool:
        read = await form(spool)
        written = read.write({"model": "large", "n": "1"})
        raw = b"".join([piece async for piece in written.pieces])
        assert len(raw) == written.length
        again = Reader(boundary_of(written.content_type.encode()))
        assert again.feed(raw) == b"sound" * 100
        again.end()
        assert [part.name for part in again.parts] == ["file", "model", "n"]


async def test_the_same_parts_have_the_same_digest_whatever_the_boundary() -> None:
    with Spool() as one, Spool() as two, Spool() as three:
        digest = (await form(one)).digest
        assert digest == (await form(two, RAW.replace(b"small", b"small"))).digest
        assert digest != (await form(three, RAW.replace(b"small", b"large"))).digest


async def test_a_value_is_one_and_a_file_is_a_file() -> None:
    twice = RAW.replace(b"--b--", RAW)
    with Spool() as one, Spool() as two:
        read = await form(one, twice)
        with pytest.raises(InvalidParameter, match="one value"):
            read.value("model")
        read = await form(two)
        assert (read.value("model"), read.value("none")) == ("small", None)
        with pytest.raises(InvalidParameter, match="one value"):
            read.value("file")
        with pytest.raises(InvalidParameter, match="a file"):
            read.files("model")
        (file,) = read.files("file")
        assert await read.head(file, 7) == b"soundso"


async def test_what_is_too_large_too_slow_cut_off_or_packed_is_refused() -> None:
    with Spool() as spool, pytest.raises(BodyTooLarge):
        await form(spool, limit=100)
    with Spool() as spool, pytest.raises(BodyTimeout):
        await form(spool, idle_s=0.05, then=[{"type": "silence"}])
    with Spool() as spool, pytest.raises(ClientGone):
        await form(spool, then=[{"type": "http.disconnect"}])
    with Spool() as spool, pytest.raises(UnsupportedBody):
        await form(spool, encoding=b"gzip")
    with Spool() as spool, pytest.raises(InvalidParameter):
        await form(spool, RAW[:-9])
