import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message

from routstr.core.middleware import RequestLimits
from routstr.errors import (
    BodyTimeout,
    BodyTooLarge,
    HeadersTooLarge,
    RequestError,
    UnsupportedBody,
)
from routstr.proxy.wire import ClientGone, Credentials, Head, read_body
from routstr.upstream.deadlines import Deadlines

LIMITS = RequestLimits(body_bytes=100, header_bytes=200, header_count=5)


def head(*headers: tuple[str, str]) -> Head:
    found = Head()
    found.read([(name.lower().encode(), value.encode()) for name, value in headers], LIMITS)
    return found


async def body(
    messages: Iterable[Message], read: Head | None = None, *, idle_s: float = 5
) -> bytes:
    pending = list(messages)

    async def receive() -> Message:
        await asyncio.sleep(0)
        if not pending:
            await asyncio.sleep(5)
        return pending.pop(0)

    deadlines = Deadlines(sweep_s=0.01)
    return await read_body(receive, read or Head(), LIMITS, deadlines, idle_s=idle_s)


def part(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": data, "more_body": more}


def test_the_head_is_picked_out() -> None:
    found = head(("Authorization", "Bearer x"), ("Origin", "https://a"), ("Content-Length", "7"))
    assert found.credentials == Credentials("Bearer x", None)
    assert found.origin == b"https://a"
    assert found.content_length == 7
    assert found.encoding == b""


def test_a_key_as_anthropic_s_clients_send_it_is_a_bearer() -> None:
    assert head(("x-api-key", "sk-1")).credentials == Credentials("Bearer sk-1", None)
    both = head(("x-api-key", "sk-1"), ("Authorization", "Bearer sk-2"))
    assert both.credentials == Credentials("Bearer sk-2", None)
    assert head(("x-api-key", " ")).credentials == Credentials(None, None)


def test_without_headers_there_is_no_credential() -> None:
    assert head().credentials == Credentials(None, None)


@pytest.mark.parametrize(
    "headers", [[(f"x-{n}", "1") for n in range(6)], [("x", "1" * 200)], [("x" * 200, "1")]]
)
def test_a_head_over_a_limit_is_refused_with_its_origin_known(
    headers: list[tuple[str, str]],
) -> None:
    found = Head()
    raw = [(name.encode(), value.encode()) for name, value in headers]
    with pytest.raises(HeadersTooLarge) as caught:
        found.read([*raw, (b"origin", b"https://a")], LIMITS)
    assert caught.value.http_status == 431
    assert found.origin == b"https://a"


@pytest.mark.parametrize("name", ["authorization", "x-cashu"])
def test_two_different_credentials_are_ambiguous(name: str) -> None:
    with pytest.raises(RequestError, match=name):
        head((name, "Bearer a"), (name, "Bearer b"))
    assert head((name, "Bearer a"), (name, "Bearer a")).credentials != Credentials()


def test_both_credentials_are_picked_out_and_not_shown() -> None:
    found = head(("X-Cashu", " cashuBx "), ("Authorization", "Bearer y")).credentials
    assert found == Credentials("Bearer y", "cashuBx")
    assert "cashuBx" not in repr(found)
    assert head(("X-Cashu", "")).credentials == Credentials(None, "")


@pytest.mark.parametrize("length", ["-1", "1.5", "0x10", "", "1 2"])
def test_an_odd_length_is_refused(length: str) -> None:
    with pytest.raises(RequestError):
        head(("Content-Length", length))


async def test_a_body_comes_whole_or_in_pieces() -> None:
    assert await body([part(b"one")]) == b"one"
    assert await body([part(b"one", more=True), part(b"", more=True), part(b"two")]) == b"onetwo"
    assert await body([part(b"")]) == b""
    assert await body([part(b"x" * 100)]) == b"x" * 100


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "Zstd"])
async def test_a_packed_body_is_refused_unread(encoding: str) -> None:
    with pytest.raises(UnsupportedBody) as caught:
        await body([], head(("Content-Encoding", encoding)))
    assert caught.value.http_status == 415


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
async def test_an_unpacked_body_may_say_so(encoding: str) -> None:
    assert await body([part(b"x")], head(("Content-Encoding", encoding))) == b"x"


@pytest.mark.parametrize("length", ["101", "9" * 60])
async def test_a_body_that_is_announced_too_large_is_refused_unread(length: str) -> None:
    with pytest.raises(BodyTooLarge) as caught:
        await body([], head(("Content-Length", length)))
    assert caught.value.http_status == 413


@pytest.mark.parametrize("pieces", [[b"x" * 101], [b"x" * 60, b"x" * 60], [b"x"] * 101])
async def test_a_body_that_becomes_too_large_is_refused(pieces: list[bytes]) -> None:
    messages = [part(piece, more=True) for piece in pieces[:-1]] + [part(pieces[-1])]
    with pytest.raises(BodyTooLarge):
        await body(messages)


async def test_an_endless_body_is_refused_before_its_end() -> None:
    with pytest.raises(BodyTooLarge):
        await body([part(b"x" * 60, more=True)] * 1_000)


@pytest.mark.parametrize("before", [[], [part(b"x", more=True)]])
async def test_a_client_that_hangs_up_is_gone(before: list[Message]) -> None:
    with pytest.raises(ClientGone):
        await body([*before, {"type": "http.disconnect"}])


@pytest.mark.parametrize("before", [[], [part(b"x", more=True)]])
async def test_a_body_that_does_not_come_is_not_waited_for(before: list[Message]) -> None:
    with pytest.raises(BodyTimeout) as caught:
        await body(before, idle_s=0.03)
    assert caught.value.http_status == 408


async def test_a_slow_body_that_keeps_coming_is_read() -> None:
    async def receive() -> Message:
        await asyncio.sleep(0.02)
        sent.append(1)
        return part(b"x", more=len(sent) < 5)

    sent: list[int] = []
    whole = await read_body(receive, Head(), LIMITS, Deadlines(sweep_s=0.01), idle_s=0.06)
    assert whole == b"xxxxx"
