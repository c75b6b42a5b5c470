"""The cost of a request and its change, in the words that clients read: body fields and headers.

A body gets ``usage.cost`` (an object, in msat), ``usage.cost_sats``,
``usage.remaining_balance_msats``, ``metadata.routstr``, ``cost`` (the same once more, for older
clients) and ``provider``. What a provider says of its own prices is left out. Change is told in
``metadata.routstr``; the token itself in a header, or there when the headers have been sent.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final

from msgspec import Raw

from routstr.core.rendering import Header
from routstr.payment.change import Change
from routstr.payment.metering import Receipt
from routstr.payment.usage import Usage
from routstr.proxy.fields import Fields, encode, text, value

CHAT_COUNTS: Final = ("prompt_tokens", "completion_tokens")
TOKEN_COUNTS: Final = ("input_tokens", "output_tokens")
"""Names of input and output in a usage: of chat completions, and of everything newer."""

_NAMES_MAX: Final = 1_024
_AMOUNTS_MAX: Final = 256
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


def add_receipt(
    fields: Fields,
    reported: object,
    receipt: Receipt,
    name: str,
    *,
    counts_as: tuple[str, str] = CHAT_COUNTS,
    with_change: bool = False,
) -> None:
    """Write the receipt into the fields of an answer or a chunk; ``name`` is the provider's.

    ``reported`` is the provider's usage, which stays as it is unless it was not believed;
    ``counts_as`` are the names of input and output in it. ``with_change``: the token with the
    change goes here, too.
    """
    usage, sats = receipt.usage, receipt.charged.sats_down
    cost = _cost(receipt)
    tokens = b'"input_tokens":%d,"output_tokens":%d' % (usage.input, usage.completion)
    balance = None if receipt.balance is None else int(receipt.balance)
    money = b'"sats_cost":%d,"remaining_balance_msats":%b' % (
        sats,
        b"null" if balance is None else b"%d" % balance,
    )
    estimated = b',"estimated":true' if receipt.estimated else b""
    if receipt.cached:
        estimated += b',"cached":true'

    counts = (
        reported
        if isinstance(reported, dict) and not receipt.estimated
        else _counts(usage, counts_as)
    )
    if not _PROVIDERS_PRICES.isdisjoint(counts):
        counts = {name: count for name, count in counts.items() if name not in _PROVIDERS_PRICES}
    counts["cost"] = Raw(b"{%b}" % cost)
    counts["cost_sats"] = sats
    counts["remaining_balance_msats"] = balance
    fields["usage"] = Raw(encode(counts))

    routstr = b'{"cost":{%b,%b},%b%b%b}' % (
        cost,
        tokens,
        money,
        estimated,
        _change(receipt, "change" if with_change else ""),
    )
    metadata = value(fields, "metadata")
    if isinstance(metadata, dict):
        fields["metadata"] = Raw(encode({**metadata, "routstr": Raw(routstr)}))
    else:
        fields["metadata"] = Raw(b'{"routstr":%b}' % routstr)
    fields["cost"] = Raw(b"{%b,%b,%b}" % (cost, tokens, money))
    upstream = text(fields, "provider")
    fields["provider"] = quoted(f"{name}:{upstream}" if upstream else name)


@lru_cache(maxsize=_NAMES_MAX)
def quoted(name: str) -> Raw:
    """A name of a model or a provider as JSON: few names stand in many answers."""
    return Raw(encode(name))


def cost_headers(receipt: Receipt) -> list[Header]:
    """The cost as response headers; in USD only when there is some."""
    cost = receipt.cost
    read = int(cost.input) + int(cost.cache_read) + int(cost.cache_write)
    headers = [
        (b"x-routstr-cost-msats", b"%d" % receipt.charged),
        (b"x-routstr-input-cost-msats", b"%d" % read),
        (b"x-routstr-output-cost-msats", b"%d" % cost.output),
    ]
    if receipt.usd:
        headers.append((b"x-routstr-cost-usd", _plain(receipt.usd)))
    if receipt.change is not None:
        told = change_headers(receipt.change)
        headers += [(name.lower().encode(), value.encode()) for name, value in told.items()]
    return headers


def change_headers(change: Change) -> Mapping[str, str]:
    """A payment's change as response headers."""
    headers = {"X-Cashu": change.token} if change.token else {}
    if change.pending:
        headers["X-Routstr-Change"] = "pending"
    elif change.left:
        headers["X-Routstr-Unrefunded-Msats"] = str(int(change.left))
    return headers


def change_words(change: Change) -> str:
    """What has become of the token of a request that failed, for its owner."""
    fee = f" The mint kept {int(change.mint_fee)} msat of it." if change.mint_fee else ""
    if change.token:
        return f"Your token is redeemed; error.refund_token has its change.{fee}"
    if change.pending:
        return (
            "Your token is redeemed; POST /v1/wallet/refund with it as X-Cashu gives its "
            f"change.{fee}"
        )
    left = "what is left of it is too little for another one" if change.left else "nothing is left"
    return f"Your token is redeemed; {left}.{fee}"


def change_fields(change: Change, token: str = "") -> Mapping[str, str | int | bool]:
    """A payment's change as fields of a body; the token itself under the name ``token``."""
    fields: dict[str, str | int | bool] = {}
    if token and change.token:
        fields[token] = change.token
    fields["change_msats"] = int(change.amount)
    fields["mint_fee_msats"] = int(change.mint_fee)
    fields["unrefunded_msats"] = int(change.left)
    if change.pending:
        fields["change_pending"] = True
    return fields


def _change(receipt: Receipt, token: str) -> bytes:
    """The change as further members of an object."""
    if receipt.change is None:
        return b""
    return b"," + encode(change_fields(receipt.change, token))[1:-1]


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


def _counts(usage: Usage, names: tuple[str, str]) -> dict[str, object]:
    return {
        names[0]: usage.input,
        names[1]: usage.completion,
        "total_tokens": usage.input + usage.completion,
    }


@lru_cache(maxsize=_AMOUNTS_MAX)
def _plain(amount: Decimal) -> bytes:
    """A decimal as a JSON number without an exponent; headers and body tell the same one."""
    shown = format(amount, "f")
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown).encode()
