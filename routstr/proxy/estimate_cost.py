"""``POST /v1/estimate``: what a request would cost, without making it. Free, nobody is asked.

The body is that of the request itself; the query names where it would go
(``?endpoint=/v1/messages``; else ``/v1/chat/completions``). What the paid endpoint would refuse is
refused here with the same words. The answer is told by the prices of this moment::

    worst      what would be set aside: no answer is charged more
    required   the balance that is enough to be served, perhaps with a lower output limit
    likely     a guess: the input as this node counts it, and an answer of usual length

Requests that are forms (files to hear, pictures to change) cannot be estimated.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from routstr.catalog.snapshot import ModelEntry, Snapshot
from routstr.errors import InvalidParameter, ModelNotFound
from routstr.money import Msat
from routstr.payment.cost import calculate_request_cost
from routstr.payment.pricing import (
    Quote,
    QuotePolicy,
    RequestLimits,
    quote,
    quote_most,
    read_limits,
)
from routstr.payment.tokens import PromptEstimate, prompt_estimate
from routstr.payment.usage import Usage
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.given import GivenJson
from routstr.proxy.dialects.pieces import PieceDialect
from routstr.proxy.exchange import Exchange
from routstr.proxy.fields import encode, read_fields
from routstr.proxy.request import PaidRequest, Wording
from routstr.proxy.wire import Credentials

ENDPOINT: Final = "/v1/estimate"
USUAL_OUTPUT_TOKENS: Final = 500
"""Length of an answer that may be longer; a guess, told as one."""
_DEFAULT: Final = "/v1/chat/completions"
_WORDLESS: Final = Wording(limits=())


class EstimateCost:
    """Quotes a body as its endpoint would; holds no state of any request."""

    __slots__ = ("_catalog", "_dialects", "_pieces", "_policy")

    def __init__(
        self,
        dialects: Iterable[Dialect],
        pieces: Iterable[PieceDialect],
        catalog: Callable[[], Snapshot],
        policy: QuotePolicy,
    ) -> None:
        """``catalog`` gives the current prices or raises ``PriceUnavailable``."""
        self._dialects: Final = {one.endpoint: one for one in dialects}
        self._pieces: Final = {one.endpoint: one for one in pieces if not one.form}
        self._catalog: Final = catalog
        self._policy: Final = policy

    async def __call__(self, exchange: Exchange, _credentials: Credentials, body: bytes) -> None:
        """Answer with the estimate, or raise the error to answer with."""
        endpoint = self._endpoint(exchange.scope["query_string"])
        if endpoint in self._pieces:
            estimate = await self._of_pieces(exchange, self._pieces[endpoint], body)
        else:
            estimate = self._of_words(exchange, self._dialects[endpoint], body)
        told = {"object": "estimate", "endpoint": endpoint, **estimate}
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await exchange.answer(200, headers, encode(told))

    def _endpoint(self, query: bytes) -> str:
        named = parse_qs(query.decode("latin-1")).get("endpoint", [_DEFAULT])[-1].rstrip("/")
        endpoint = f"/v1/{named.lstrip('/').removeprefix('v1/')}"
        known = self._dialects.keys() | self._pieces.keys()
        if endpoint not in known:
            raise InvalidParameter(
                f"'endpoint' must be one of {', '.join(sorted(known))}.",
                details={"param": "endpoint"},
            )
        return endpoint

    def _find(self, exchange: Exchange, name: str) -> tuple[Snapshot, ModelEntry]:
        snapshot = self._catalog()
        entry = snapshot.find(name)
        if entry is None:
            raise ModelNotFound(f"Model {name!r} not found")
        exchange.model = entry.id
        return snapshot, entry

    def _of_words(self, exchange: Exchange, dialect: Dialect, body: bytes) -> Mapping[str, Any]:
        exchange.protocol = dialect.protocol
        request = dialect.parse(body)
        snapshot, entry = self._find(exchange, request.model)
        prompt = prompt_estimate(request.body)
        limits = read_limits(request.body, entry, request.wording.limits)
        quoted = quote(entry, prompt, limits, self._policy)
        output = min(quoted.max_output_tokens, USUAL_OUTPUT_TOKENS) * limits.choices
        likely = calculate_request_cost(
            entry.rates, Usage(prompt.tokens, output, images=prompt.images)
        )
        tokens = _tokens(entry, prompt, limits, quoted)
        return {**_model(snapshot, entry), **tokens, "cost": _cost(quoted, likely.total)}

    async def _of_pieces(
        self, exchange: Exchange, dialect: PieceDialect, body: bytes
    ) -> Mapping[str, Any]:
        request = PaidRequest.parse(body, _WORDLESS)
        snapshot, entry = self._find(exchange, request.model)
        asked = await dialect.read(request.model, GivenJson(request.body))
        terms = asked.at(entry)
        quoted = quote_most(terms.rates, terms.worst, self._policy)
        likely = calculate_request_cost(terms.rates, terms.unseen)
        return {**_model(snapshot, entry), "cost": _cost(quoted, likely.total)}


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


def _cost(quoted: Quote, likely: Msat) -> Mapping[str, int]:
    amounts = {
        "worst": quoted.want,
        "required": quoted.admit,
        "likely": min(likely, quoted.want),
    }
    msats = {f"{name}_msats": int(amount) for name, amount in amounts.items()}
    return msats | {f"{name}_sats": amount.sats_up for name, amount in amounts.items()}


def _model(snapshot: Snapshot, entry: ModelEntry) -> Mapping[str, Any]:
    """Who would serve, and the prices as ``GET /v1/models`` publishes them, digit by digit."""
    shown = read_fields(entry.body)
    assert shown is not None, "the node wrote it"
    return {
        "model": entry.id,
        "provider": entry.provider,
        "pricing": shown["pricing"],
        "sats_pricing": shown["sats_pricing"],
        "price_version": snapshot.version,
    }
