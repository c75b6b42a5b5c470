"""``POST /v1/estimate``: what a request would cost, without making it. Free, nobody is asked.

The body is that of the request itself; the query names where it would go
(``?endpoint=/v1/messages``; else ``/v1/chat/completions``). What the paid endpoint would refuse is
refused here with the same words. The answer is told by the prices of this moment::

    worst      what would be set aside: no answer is charged more
    required   the balance that is enough to be served, perhaps with a lower output limit
    likely     a guess: the input as this node counts it, and an answer of usual length
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from routstr.catalog.snapshot import ModelEntry, Snapshot
from routstr.errors import InvalidParameter, ModelNotFound
from routstr.money import Msat
from routstr.payment.cost import calculate_request_cost
from routstr.payment.pricing import Quote, QuotePolicy, RequestLimits, quote, read_limits
from routstr.payment.tokens import PromptEstimate, prompt_estimate
from routstr.payment.usage import Usage
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.exchange import Exchange
from routstr.proxy.fields import encode, read_fields
from routstr.proxy.wire import Credentials

ENDPOINT: Final = "/v1/estimate"
USUAL_OUTPUT_TOKENS: Final = 500
"""Length of an answer that may be longer; a guess, told as one."""
_DEFAULT: Final = "/v1/chat/completions"


class EstimateCost:
    """Quotes a body as its endpoint would; holds no state of any request."""

    __slots__ = ("_catalog", "_dialects", "_policy")

    def __init__(
        self,
        dialects: Iterable[Dialect],
        catalog: Callable[[], Snapshot],
        policy: QuotePolicy,
    ) -> None:
        """``catalog`` gives the current prices or raises ``PriceUnavailable``."""
        self._dialects: Final = {dialect.endpoint: dialect for dialect in dialects}
        self._catalog: Final = catalog
        self._policy: Final = policy

    async def __call__(self, exchange: Exchange, _credentials: Credentials, body: bytes) -> None:
        """Answer with the estimate, or raise the error to answer with."""
        dialect = self._dialect(exchange.scope["query_string"])
        exchange.protocol = dialect.protocol
        request = dialect.parse(body)
        snapshot = self._catalog()
        entry = snapshot.find(request.model)
        if entry is None:
            raise ModelNotFound(f"Model {request.model!r} not found")
        exchange.model = entry.id
        prompt = prompt_estimate(request.body)
        limits = read_limits(request.body, entry, request.wording.limits)
        quoted = quote(entry, prompt, limits, self._policy)
        told = {
            "object": "estimate",
            "endpoint": dialect.endpoint,
            "model": entry.id,
            "provider": entry.provider,
            **_tokens(entry, prompt, limits, quoted),
            "cost": _cost(entry, prompt, limits, quoted),
            **_prices(entry),
            "price_version": snapshot.version,
        }
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await exchange.answer(200, headers, encode(told))

    def _dialect(self, query: bytes) -> Dialect:
        named = parse_qs(query.decode("latin-1")).get("endpoint", [_DEFAULT])[-1].rstrip("/")
        path = f"/v1/{named.lstrip('/').removeprefix('v1/')}"
        dialect = self._dialects.get(path)
        if dialect is None:
            raise InvalidParameter(
                f"'endpoint' must be one of {', '.join(sorted(self._dialects))}.",
                details={"param": "endpoint"},
            )
        return dialect


def _tokens(
    entry: ModelEntry, prompt: PromptEstimate, limits: RequestLimits, quoted: Quote
) -> Mapping[str, Any]:
    return {
        "prompt_tokens": prompt.tokens,
        "prompt_tokens_max": prompt.worst_tokens,
        "images": prompt.images,
        "max_output_tokens": quoted.max_output_tokens,
        "choices": limits.choices,
        "limits": {
            "context_length": entry.context_length,
            "max_completion_tokens": entry.output_limit,
        },
    }


def _cost(
    entry: ModelEntry, prompt: PromptEstimate, limits: RequestLimits, quoted: Quote
) -> Mapping[str, int]:
    output = min(quoted.max_output_tokens, USUAL_OUTPUT_TOKENS) * limits.choices
    usage = Usage(prompt.tokens, output, images=prompt.images)
    likely = min(calculate_request_cost(entry.rates, usage).total, quoted.want)
    amounts = {"worst": quoted.want, "required": quoted.admit, "likely": likely}
    return {
        name: amount
        for kind, msat in amounts.items()
        for name, amount in _both_units(kind, msat).items()
    }


def _both_units(kind: str, msat: Msat) -> Mapping[str, int]:
    return {f"{kind}_msats": int(msat), f"{kind}_sats": int(msat.sats_up)}


def _prices(entry: ModelEntry) -> Mapping[str, Any]:
    """The prices as ``GET /v1/models`` publishes them, digit by digit."""
    shown = read_fields(entry.body)
    assert shown is not None, "the node wrote it"
    return {name: shown[name] for name in ("pricing", "sats_pricing")}
