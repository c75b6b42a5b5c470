"""Answers that are no events: JSON and text, read whole; sound, passed on as it comes."""

import asyncio
from typing import Final

from routstr.core.rendering import Header
from routstr.errors import UpstreamError, UpstreamTimeout
from routstr.proxy.departure import Departure
from routstr.proxy.dialects.pieces import Ask, Charge
from routstr.proxy.fields import Fields, encode, read_fields, value
from routstr.proxy.receipts import cost_headers
from routstr.proxy.sale import Sale
from routstr.upstream.client import Answer, UpstreamLimits
from routstr.upstream.faults import refusal_inside

_NO_STORE: Final[Header] = (b"cache-control", b"no-store")
_JSON: Final[Header] = (b"content-type", b"application/json")
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_NO_ANSWER: Final = "The provider answered without an answer. Nothing was charged."


async def relay_bytes(sale: Sale, asked: Ask, terms: Charge, body: bytes, kind: str) -> None:
    """Settle and deliver a body. Raises :class:`UpstreamError` when it holds no answer."""
    fields = read_fields(body)
    if fields is not None:
        await _relay_fields(sale, asked, terms, fields)
        return
    usage = None if not body.strip() or kind in _PAGES else terms.of_bytes(body)
    if usage is None:
        raise UpstreamError(_NO_ANSWER)
    await sale.charge(usage)
    await _answer(sale, _type(kind), body)


async def _relay_fields(sale: Sale, asked: Ask, terms: Charge, fields: Fields) -> None:
    usage = terms.of_answer(fields)
    if usage is None:
        error = value(fields, "error")
        if error is not None:
            raise refusal_inside(error, sale.service.model)
        raise UpstreamError(_NO_ANSWER)
    shown = asked.shown(fields)
    if shown is not None:
        await sale.charge(usage)
        await _answer(sale, _type(shown[0]), shown[1])
        return
    told = value(fields, "usage")
    await sale.charge(usage)
    receipt = await sale.finish()
    sale.dialect.sign(fields, told, receipt, sale.service)
    headers = [_JSON, _NO_STORE, *cost_headers(receipt), *sale.headers]
    await sale.exchange.answer(200, headers, encode(fields))


async def relay_live(
    sale: Sale, terms: Charge, answer: Answer, departure: Departure, limits: UpstreamLimits
) -> None:
    """Charge with the first byte, then pass on what comes.

    Raises :class:`UpstreamError`, before anything was charged or sent, when nothing comes.
    """
    try:
        piece = await _piece(answer, departure, limits)
        usage = terms.of_bytes(piece)
        if usage is None or not (piece or departure.gone):
            raise UpstreamError(_NO_ANSWER)
        await sale.charge(usage)
        if departure.gone:
            return
        receipt = await sale.finish()
        headers = [_type(answer.content_type), _NO_STORE, *cost_headers(receipt), *sale.headers]
        await sale.exchange.start(200, headers)
        await _pump(sale, answer, departure, limits, piece)
    finally:
        answer.close()


async def _pump(
    sale: Sale, answer: Answer, departure: Departure, limits: UpstreamLimits, piece: bytes
) -> None:
    now = asyncio.get_running_loop().time
    size = 0
    while piece and not departure.gone:
        size += len(piece)
        if size > limits.answer_bytes:
            raise UpstreamError("The provider's answer is too large.")
        departure.deadline.due = now() + limits.stall_s
        try:
            with departure.deadline:
                await sale.exchange.write(piece)
        except TimeoutError:
            departure.leave()  # a client that reads nothing is as good as gone
            return
        piece = await _piece(answer, departure, limits)
    sale.exchange.hears()
    if not departure.gone:
        await sale.exchange.write(b"", last=True)


async def _piece(answer: Answer, departure: Departure, limits: UpstreamLimits) -> bytes:
    """The next piece; empty at the end, and when the client has gone."""
    departure.deadline.due = asyncio.get_running_loop().time() + limits.idle_s
    try:
        with departure.deadline:
            return await answer.chunk()
    except TimeoutError:
        if departure.gone:
            return b""
        raise UpstreamTimeout("The provider fell silent.") from None


def _type(kind: str) -> Header:
    return b"content-type", kind.encode("ascii", "ignore") or b"application/octet-stream"


async def _answer(sale: Sale, kind: Header, body: bytes) -> None:
    receipt = await sale.finish()
    await sale.exchange.answer(200, [kind, _NO_STORE, *cost_headers(receipt), *sale.headers], body)
