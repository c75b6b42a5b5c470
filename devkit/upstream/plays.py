"""What the played upstream can do with a request: each function returns a play."""

import asyncio
import json
import zlib
from collections.abc import Mapping
from itertools import repeat
from typing import Any, Final

from devkit.upstream.chat import Body, Reply, Shape, sse
from devkit.upstream.dialects import speech
from devkit.upstream.http import Exchange, Play

MIB: Final = 1 << 20

_STREAM_HEAD: Final = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
_FOREVER_S: Final = 3_600.0
_ERRORS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("invalid_request_error", "Unsupported value: 'temperature'."),
    401: ("invalid_request_error", "Incorrect API key provided: sk-played."),
    403: ("permission_error", "This account may not use the model."),
    404: ("invalid_request_error", "The model does not exist."),
    429: ("rate_limit_exceeded", "Rate limit reached. Please try again in 7s."),
    500: ("server_error", "The server had an error."),
    503: ("server_error", "The engine is currently overloaded."),
}


def chat(reply: Reply | None = None, shape: Shape | None = None) -> Play:
    """Answer as a provider does: JSON, or SSE when the request asks for a stream."""
    chosen, form = reply or Reply(), shape or Shape()

    async def play(exchange: Exchange) -> None:
        body: Body = exchange.request.json
        speaks = speech(exchange.request.path)
        if body.get("stream") or body.get("stream_format") == "sse":
            await exchange.head(200, _STREAM_HEAD)
            await _stream(exchange, speaks.stream(body, chosen, form), form)
        else:
            whole, kind = speaks.whole(body, chosen, form), speaks.kind(body)
            await _whole(exchange, whole, form, len(chosen.words), kind)

    return play


def answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> Play:
    """This very answer; ``body`` is bytes or becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def play(exchange: Exchange) -> None:
        await exchange.answer(status, data, headers)

    return play


def refuse(status: int, *, message: str | None = None, retry_after_s: int = 7) -> Play:
    """An error in the provider's envelope; 429 and 503 say when to come back."""
    kind, usual = _ERRORS.get(status, ("server_error", "Something went wrong."))
    headers = {"Retry-After": str(retry_after_s)} if status in {429, 503} else {}
    return answer(status, _error(message or usual, kind), headers)


def html_error(status: int = 502) -> Play:
    """What a proxy in front of a provider says."""
    page = b"<html><head><title>Bad Gateway</title></head><body>Bad Gateway</body></html>"
    return answer(status, page, {"Content-Type": "text/html"})


def silent() -> Play:
    """Take the request and never answer."""

    async def play(_exchange: Exchange) -> None:
        await asyncio.sleep(_FOREVER_S)

    return play


def late(delay_s: float, then: Play | None = None) -> Play:
    """Think for a while before the first byte."""

    async def play(exchange: Exchange) -> None:
        await asyncio.sleep(delay_s)
        await (then or chat())(exchange)

    return play


def hang_up(*, reset: bool = False) -> Play:
    """Close the connection before the first byte of an answer."""

    async def play(exchange: Exchange) -> None:
        if reset:
            exchange.reset()
        exchange.hang_up()

    return play


def wrong_length(by: int) -> Play:
    """A JSON answer whose Content-Length differs from the body by so many bytes; then it closes."""

    async def play(exchange: Exchange) -> None:
        body = _plain_answer(exchange)
        exchange.hang_up()
        await exchange.answer(200, body, {"Content-Length": str(len(body) + by)})

    return play


def gzip_bomb(mebibytes: int = 1_024) -> Play:
    """A valid JSON answer that is followed by blanks and shrinks a thousandfold in gzip."""

    async def play(exchange: Exchange) -> None:
        exchange.hang_up()
        head = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        await exchange.head(200, {**head, "Transfer-Encoding": "chunked"})
        packer = zlib.compressobj(wbits=31)
        start = _plain_answer(exchange)
        await exchange.chunks(
            [packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)], last=False
        )
        # after a full flush the same input packs to the same bytes: pack once, send often
        blanks = packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
        check = zlib.crc32(start)
        for _ in range(mebibytes):
            check = zlib.crc32(b" " * MIB, check)
            await exchange.chunks([blanks], last=False)
        size = (len(start) + mebibytes * MIB) & 0xFFFFFFFF
        tail = b"\x03\x00" + check.to_bytes(4, "little") + size.to_bytes(4, "little")
        await exchange.chunks([tail])

    return play


def endless(word: str = " on") -> Play:
    """A stream, or a JSON body, that never comes to an end."""

    async def play(exchange: Exchange) -> None:
        exchange.hang_up()
        body: Body = exchange.request.json
        if body.get("stream"):
            speaks = speech(exchange.request.path)
            reply = Reply(words=(word,), obey_limit=False)
            piece = next(
                piece
                for piece in speaks.stream(body, reply, Shape(done=False))
                if word.encode() in piece
            )
            await exchange.head(200, _STREAM_HEAD)
        else:
            piece = word.encode() * 1_024
            await exchange.head(200, {**_STREAM_HEAD, "Content-Type": "application/json"})
        await exchange.chunks(repeat(piece))

    return play


def error_in_stream(after: int = 2) -> Play:
    """A stream that begins well and then reports an error as an event."""

    async def play(exchange: Exchange) -> None:
        form = Shape(stop_after=after)
        await exchange.head(200, _STREAM_HEAD)
        await exchange.chunks(
            speech(exchange.request.path).stream(exchange.request.json, Reply(), form), last=False
        )
        await exchange.chunks([sse(_error("The server had an error.", "server_error"))])

    return play


async def _stream(exchange: Exchange, pieces: list[bytes], form: Shape) -> None:
    for index, piece in enumerate(pieces):
        await _wait(form, index)
        await exchange.chunks([piece], last=False)
    await _wait(form, len(pieces))
    if form.stop_after is None:
        await exchange.chunks([])
    else:
        _break(exchange, form)


async def _wait(form: Shape, sent: int) -> None:
    if form.gate and sent == form.gate_after:
        await form.gate.wait()
    if form.interval_s and sent:
        await asyncio.sleep(form.interval_s)


async def _whole(exchange: Exchange, body: bytes, form: Shape, events: int, kind: str) -> None:
    await _wait(form, form.gate_after)
    head = {"Content-Type": kind}
    if form.stop_after is None:
        await exchange.answer(200, body, head)
        return
    part = body[: len(body) * min(form.stop_after, events) // (events + 1)]
    await exchange.answer(200, part, {**head, "Content-Length": str(len(body))})
    _break(exchange, form)


def _break(exchange: Exchange, form: Shape) -> None:
    exchange.hang_up()
    if form.ending == "reset":
        exchange.reset()


def _plain_answer(exchange: Exchange) -> bytes:
    return speech(exchange.request.path).whole(exchange.request.json, Reply(), Shape())


def _error(message: str, kind: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


_LIES: Final[Mapping[str, object]] = {
    "negative": {"prompt_tokens": -12, "completion_tokens": -6, "total_tokens": -18},
    "huge": {"prompt_tokens": 10**30, "completion_tokens": 10**30, "total_tokens": 2 * 10**30},
    "nan": {"prompt_tokens": float("nan"), "completion_tokens": float("inf"), "total_tokens": 1},
    "text": {"prompt_tokens": "twelve", "completion_tokens": "6", "total_tokens": None},
    "list": [12, 6],
}

PLAYS: Final[Mapping[str, Play]] = {
    "good": chat(),
    **{f"refuse-{status}": refuse(status) for status in _ERRORS},
    "html-error": html_error(),
    "silent": silent(),
    "slow": late(1.0),
    "hang-up": hang_up(),
    "reset": hang_up(reset=True),
    "dies-mid-stream": chat(shape=Shape(stop_after=3, ending="reset")),
    "closes-mid-stream": chat(shape=Shape(stop_after=3)),
    "half-event": chat(shape=Shape(stop_after=3, ending="half event")),
    "no-usage": chat(shape=Shape(usage_at="nowhere")),
    "usage-in-last-content": chat(shape=Shape(usage_at="last content")),
    "usage-twice": chat(shape=Shape(usage_at="twice")),
    **{f"usage-{name}": chat(Reply(usage=usage)) for name, usage in _LIES.items()},
    "error-200": answer(200, _error("The server had an error.", "server_error")),
    "error-in-stream": error_in_stream(),
    "too-short": wrong_length(+100),
    "too-long": wrong_length(-10),
    "gzip-bomb": gzip_bomb(),
    "endless": endless(),
    "babble": chat(Reply(words=(" more",) * 5_000, obey_limit=False)),
    "odd-borders": chat(shape=Shape(border=7)),
    "single-bytes": chat(shape=Shape(border=1)),
    "no-done": chat(shape=Shape(done=False)),
    "crlf": chat(shape=Shape(newline="\r\n")),
    "comments": chat(shape=Shape(comments=True)),
}
"""The plays by name: a request whose model is (or ends in ``/``) one of these gets it."""
