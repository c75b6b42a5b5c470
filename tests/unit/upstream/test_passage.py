from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from devkit.upstream import Upstream, answer, chat, endless, gzip_bomb, refuse
from routstr.core.secret import Secret
from routstr.errors import UpstreamError, UpstreamRejected
from routstr.upstream.client import UpstreamClient, UpstreamLimits
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.endpoint import Success
from routstr.upstream.passage import Call, Passage
from routstr.upstream.provider import Provider

LIMITS = UpstreamLimits(idle_s=0.2, answer_bytes=4_096)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as played:
        yield played


@pytest.fixture
async def passage(upstream: Upstream) -> AsyncIterator[Passage]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        provider = Provider.create("p", upstream.base_url, Secret("sk-1"))
        yield Passage(UpstreamClient(session, LIMITS), provider, LIMITS, ["X-More"])


async def ask(passage: Passage, call: Call, *, whole: bool = True) -> Success:
    received = [(b"x-more", b"m"), (b"authorization", b"Bearer client"), (b"cookie", b"c")]
    with Deadlines(sweep_s=0.01).within(2) as deadline:
        return await passage.ask(received, call, deadline, model="m", whole=lambda _: whole)


async def test_any_method_path_query_and_body_arrive(passage: Passage, upstream: Upstream) -> None:
    call = Call("things/t-1", b"<a>", "PATCH", query="a=1&b=%20", content_type="text/xml")
    await ask(passage, call)
    (request,) = upstream.requests
    assert (request.method, request.path) == ("PATCH", "/v1/things/t-1?a=1&b=%20")
    assert (request.body, request.header("content-type")) == (b"<a>", "text/xml")
    assert request.header("authorization") == "Bearer sk-1"
    assert (request.header("x-more"), request.header("cookie")) == ("m", None)


async def test_without_a_body_no_type_is_told(passage: Passage, upstream: Upstream) -> None:
    await ask(passage, Call("things", method="GET"))
    assert upstream.requests[0].header("content-type") is None


@pytest.mark.parametrize("length", [6, None])
async def test_a_body_comes_in_pieces(
    passage: Passage, upstream: Upstream, length: int | None
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    await ask(passage, Call("things", pieces(), content_type="a/b", length=length))
    (request,) = upstream.requests
    assert request.body == b"onetwo"
    assert request.header("content-length") == (None if length is None else "6")


async def test_an_answer_is_read_or_left_as_the_caller_says(
    passage: Passage, upstream: Upstream
) -> None:
    upstream.next(*[answer(201, b"sound", {"Content-Type": "audio/mpeg"})] * 2)
    assert (await ask(passage, Call("things"))).body == b"sound"
    left = await ask(passage, Call("things"), whole=False)
    assert (left.body, await left.answer.chunk()) == (None, b"sound")
    left.answer.close()


async def test_events_are_never_read(passage: Passage, upstream: Upstream) -> None:
    upstream.next(chat())
    left = await ask(passage, Call("chat/completions", b'{"stream":true}'))
    assert left.body is None
    left.answer.close()


@pytest.mark.parametrize(
    ("play", "error", "answered"),
    [
        (refuse(404), UpstreamRejected, False),
        (answer(302, b"", {"Location": "http://elsewhere"}), UpstreamError, False),
        (gzip_bomb(1), UpstreamError, True),
        (endless(), UpstreamError, True),
    ],
)
async def test_anything_else_is_an_error_that_says_whether_it_was_an_answer(
    passage: Passage, upstream: Upstream, play: Any, error: type[UpstreamError], *, answered: bool
) -> None:
    upstream.next(play)
    with pytest.raises(error) as caught:
        await ask(passage, Call("things", b"{}"))
    assert caught.value.answered is answered
