"""The cost of a request, in the words that clients read: body fields and headers.

A body gets ``usage.cost`` (an object, in msat), ``usage.cost_sats``,
``usage.remaining_balance_msats``, ``metadata.routstr``, ``cost`` (the same once more, for older
clients) and ``provider``. What a provider says of its own prices is left out.
"""

from decimal import Decimal
from typing import Final

from msgspec import Raw

from routstr.core.rendering import Header
from routstr.payment.metering import Receipt
from routstr.payment.usage import Usage
from routstr.proxy.fields import Fields, encode, read_fields, text

_PROVIDERS_PRICES: Final = (
    "cost",
    "cost_details",
    "cost_in_usd_ticks",
    "is_byok",
    "total_cost",
    "upstream_inference_cost",
)


def add_receipt(fields: Fields, usage_fields: Fields | None, receipt: Receipt, name: str) -> None:
    """Write the receipt into the fields of an answer or a chunk; ``name`` is the provider's.

    ``usage_fields`` is the provider's own report, which stays as it is unless it was not believed.
    """
    cost = _cost(receipt)
    tokens = b'"input_tokens":%d,"output_tokens":%d' % (
        receipt.usage.input,
        receipt.usage.completion,
    )
    sats = receipt.charged.sats_down
    balance = b'"remaining_balance_msats":%d' % receipt.balance
    estimated = b',"estimated":true' if receipt.estimated else b""

    usage = _counts(receipt.usage) if usage_fields is None or receipt.estimated else usage_fields
    for name_of_price in _PROVIDERS_PRICES:
        usage.pop(name_of_price, None)
    usage["cost"] = Raw(b"{%b}" % cost)
    usage["cost_sats"] = Raw(b"%d" % sats)
    usage["remaining_balance_msats"] = Raw(b"%d" % receipt.balance)
    fields["usage"] = Raw(encode(usage))

    told = Raw(b'{"cost":{%b,%b},"sats_cost":%d,%b%b}' % (cost, tokens, sats, balance, estimated))
    metadata = read_fields(bytes(fields["metadata"])) if "metadata" in fields else None
    fields["metadata"] = Raw(encode({**(metadata or {}), "routstr": told}))
    fields["cost"] = Raw(b'{%b,%b,"sats_cost":%d,%b}' % (cost, tokens, sats, balance))
    upstream = text(fields, "provider")
    fields["provider"] = Raw(encode(f"{name}:{upstream}" if upstream else name))


def cost_headers(receipt: Receipt) -> list[Header]:
    """The cost as response headers; in USD only when there is some."""
    cost = receipt.cost
    headers = [
        (b"x-routstr-cost-msats", b"%d" % receipt.charged),
        (b"x-routstr-input-cost-msats", b"%d" % (cost.input + cost.cache_read + cost.cache_write)),
        (b"x-routstr-output-cost-msats", b"%d" % cost.output),
    ]
    if receipt.usd:
        headers.append((b"x-routstr-cost-usd", _plain(receipt.usd)))
    return headers


def _cost(receipt: Receipt) -> bytes:
    cost, usage = receipt.cost, receipt.usage
    told = (
        b'"base_msats":%d,"input_msats":%d,"output_msats":%d,"total_msats":%d,'
        b'"cache_read_input_tokens":%d,"cache_creation_input_tokens":%d,'
        b'"cache_read_msats":%d,"cache_creation_msats":%d'
    ) % (
        cost.base,
        cost.input,
        cost.output,
        cost.total,
        usage.cache_read,
        usage.cache_write,
        cost.cache_read,
        cost.cache_write,
    )
    return told if receipt.usd is None else b'%b,"total_usd":%b' % (told, _plain(receipt.usd))


def _counts(usage: Usage) -> Fields:
    return {
        "prompt_tokens": Raw(b"%d" % usage.input),
        "completion_tokens": Raw(b"%d" % usage.completion),
        "total_tokens": Raw(b"%d" % (usage.input + usage.completion)),
    }


def _plain(amount: Decimal) -> bytes:
    """A decimal as a JSON number without an exponent."""
    shown = format(amount, "f")
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown).encode()
