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
from routstr.proxy.fields import Fields, encode, text, value

_PROVIDERS_PRICES: Final = frozenset(
    {
        "cost",
        "cost_details",
        "cost_in_usd_ticks",
        "is_byok",
        "total_cost",
        "upstream_inference_cost",
    }
)


def add_receipt(fields: Fields, reported: object, receipt: Receipt, name: str) -> None:
    """Write the receipt into the fields of an answer or a chunk; ``name`` is the provider's.

    ``reported`` is the provider's usage, which stays as it is unless it was not believed.
    """
    usage, sats = receipt.usage, receipt.charged.sats_down
    cost = _cost(receipt)
    tokens = b'"input_tokens":%d,"output_tokens":%d' % (usage.input, usage.completion)
    money = b'"sats_cost":%d,"remaining_balance_msats":%d' % (sats, receipt.balance)
    estimated = b',"estimated":true' if receipt.estimated else b""

    counts = reported if isinstance(reported, dict) and not receipt.estimated else _counts(usage)
    if not _PROVIDERS_PRICES.isdisjoint(counts):
        counts = {name: count for name, count in counts.items() if name not in _PROVIDERS_PRICES}
    counts["cost"] = Raw(b"{%b}" % cost)
    counts["cost_sats"] = sats
    counts["remaining_balance_msats"] = int(receipt.balance)
    fields["usage"] = Raw(encode(counts))

    routstr = b'{"cost":{%b,%b},%b%b}' % (cost, tokens, money, estimated)
    metadata = value(fields, "metadata")
    if isinstance(metadata, dict):
        fields["metadata"] = Raw(encode({**metadata, "routstr": Raw(routstr)}))
    else:
        fields["metadata"] = Raw(b'{"routstr":%b}' % routstr)
    fields["cost"] = Raw(b"{%b,%b,%b}" % (cost, tokens, money))
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


def _counts(usage: Usage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.completion,
        "total_tokens": usage.input + usage.completion,
    }


def _plain(amount: Decimal) -> bytes:
    """A decimal as a JSON number without an exponent."""
    shown = format(amount, "f")
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown).encode()
