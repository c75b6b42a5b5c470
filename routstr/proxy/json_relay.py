"""A provider's answer as one JSON body: read whole, settled, then sent on with its cost.

=================================================  ===============================================
a 200 whose body is                                is
=================================================  ===============================================
an answer with usage                               charged as reported, at most the hold
the same, usage missing, negative or no numbers    charged by estimate: prompt + text of the answer
the same, a zero although there is text or prompt  charged by estimate for that side
no answer, and yet usage                           charged as reported: the provider did work
no answer but an ``error``                         refused with that error, nothing charged
any other object                                   refused (502), nothing charged: it says nothing
empty, or an HTML page                             refused (502), nothing charged: it is no answer
no JSON object although it says that it is JSON    refused (502), nothing charged: it is broken
anything else (text)                               passed on as it is, charged by estimate
larger than allowed, cut off, too late             refused, nothing charged: it was not delivered
=================================================  ===============================================

Once a provider has answered 200 no other is asked. The charge is made before the first byte of the
body is sent, so a balance that is read afterwards includes it.
"""

from typing import Final

from routstr.core.rendering import Header
from routstr.errors import UpstreamError
from routstr.payment.usage_reading import parse_usage
from routstr.proxy import estimate
from routstr.proxy.fields import encode, read_fields, value
from routstr.proxy.receipts import cost_headers
from routstr.proxy.sale import Sale, believable
from routstr.upstream.faults import refusal_inside

_JSON: Final[list[Header]] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
]


async def relay_json(sale: Sale, body: bytes, content_type: str) -> None:
    """Settle and deliver a body that came with status 200.

    Raises :class:`UpstreamError`, before anything was charged or sent, when it holds no answer.
    """
    fields = read_fields(body)
    if fields is None:
        await _relay_other(sale, body, content_type)
        return
    told = value(fields, "usage")
    reported = parse_usage(told)
    dialect = sale.dialect
    answered = dialect.is_answer(fields)
    if not answered:
        error = value(fields, "error")
        if error is not None:
            raise refusal_inside(error, sale.service.model)
        if reported is None:
            raise UpstreamError("The provider answered without an answer. Nothing was charged.")
    tokens = 0
    if answered and (sale.pardons or not believable(reported)):
        tokens = dialect.output_tokens(fields)
    receipt = await sale.close(reported, tokens)

    dialect.sign(fields, told, receipt, sale.service)
    headers = [*_JSON, *cost_headers(receipt), *sale.headers]
    await sale.exchange.answer(200, headers, encode(fields))


async def _relay_other(sale: Sale, body: bytes, content_type: str) -> None:
    if not body.strip() or content_type in {"text/html", "application/xhtml+xml"}:
        raise UpstreamError("The provider answered with no JSON. Nothing was charged.")
    if content_type in {"", "application/json"} or content_type.endswith("+json"):
        raise UpstreamError("The provider's answer is broken. Nothing was charged.")
    receipt = await sale.close(None, estimate.raw_tokens(body))
    kind = content_type.encode("ascii", "ignore") or b"application/octet-stream"
    headers = [(b"content-type", kind), *cost_headers(receipt), *sale.headers]
    await sale.exchange.answer(200, headers, body)
