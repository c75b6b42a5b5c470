"""What the node really answers, for the examples of docs/http.md."""

import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import parse_models
from routstr.catalog.rates import PricePolicy
from routstr.catalog.snapshot import Snapshot
from routstr.core.rendering import render_error
from routstr.errors import InsufficientBalance
from routstr.ledger.entries import Held, HoldRequest, Refused, Settled, Settlement
from routstr.money import ZERO, Msat, Unit
from routstr.payment.demand import Demands
from routstr.payment.metering import Meter, Offer, Receipt
from routstr.payment.pricing import Quote
from routstr.payment.usage_reading import parse_usage
from routstr.proxy.fields import encode, read_fields
from routstr.proxy.receipts import add_receipt
from routstr.wallet.offers import Offer as MintOffer

REQUEST_ID: Final = "6ba3cea9-54af-4045-8fab-f3b680c79ec6"
MODELS: Final = b"""[{
  "id": "demo/tiny", "name": "demo/tiny",
  "pricing": {"prompt": "0.000002", "completion": "0.000008", "input_cache_read": "0.000001"},
  "top_provider": {"context_length": 8192, "max_completion_tokens": 1024}
}]"""
ANSWER: Final[Mapping[str, Any]] = {
    "id": "chatcmpl-123",
    "object": "chat.completion",
    "created": 1767225600,
    "model": "tiny",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "This is a played answer."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18},
}
BALANCE: Final = Msat(63_000)


class OneAccount:
    """A ledger with one account, of one balance."""

    def __init__(self, balance: Msat) -> None:
        self._balance = balance

    async def hold(self, request: HoldRequest) -> Held | Refused:
        if self._balance < request.minimum:
            return Refused(self._balance, ZERO, closed=False)
        return Held(1, request.wanted, self._balance - request.wanted)

    async def settle(self, settlement: Settlement) -> Settled:
        return Settled(settlement.cost, ZERO, self._balance - settlement.cost, ZERO)

    async def release(self, hold: int, placed: object = None, /) -> Settled:
        return Settled(ZERO, ZERO, self._balance, ZERO)


class OneMint:
    """The listed mints: one, without fees."""

    async def current(self) -> tuple[MintOffer, ...]:
        return (MintOffer("https://mint.example", {Unit.SAT: 0}),)


def snapshot() -> Snapshot:
    return build_snapshot(
        parse_models(MODELS), usd_per_btc=Decimal(100_000), policy=PricePolicy(), version=1
    )


async def models() -> object:
    return json.loads(snapshot().body)


async def chat() -> object:
    receipt = await _settled(BALANCE, Msat(500))
    fields = read_fields(encode(ANSWER))
    assert fields is not None
    add_receipt(fields, dict(ANSWER["usage"]), receipt, "custom")
    return msgspec.json.decode(encode(fields))


async def error() -> object:
    worst = Msat(8_440)
    demands = Demands(OneMint(), token_sat_max=1_000, topup_url="/v1/balance/topup")
    try:
        await _settled(Msat(819), worst)
    except InsufficientBalance as refused:
        await demands.complete(refused, _quote(worst))
        return json.loads(render_error(refused, REQUEST_ID).body)
    raise AssertionError("the balance is too small")


async def _settled(balance: Msat, worst: Msat) -> Receipt:
    prices = snapshot()
    offer = Offer(prices.models["tiny"], _quote(worst), 0, prices.version, prices.usd_per_btc)
    meter = await Meter.open(
        OneAccount(balance), 1, offer, request_id=REQUEST_ID, endpoint="/v1/chat/completions"
    )
    usage = parse_usage(ANSWER["usage"])
    assert usage is not None
    return await meter.settle(usage)


def _quote(worst: Msat) -> Quote:
    return Quote(worst, worst, worst, 64, 0, 0)


EXACT: Final[Mapping[str, Callable[[], Awaitable[object]]]] = {
    "chat": chat,
    "error": error,
    "models": models,
}
"""Examples that the node's own code makes, by the word behind ``json`` in the page."""
