"""``POST /v1/messages/count_tokens``: the node's own count of a request's input. Free, no hold."""

from collections.abc import Callable
from typing import Final

from routstr.catalog.snapshot import Snapshot
from routstr.core.rendering import Protocol
from routstr.errors import ModelNotFound
from routstr.payment.tokens import prompt_estimate
from routstr.proxy.exchange import Exchange
from routstr.proxy.fields import encode
from routstr.proxy.request import PaidRequest, Wording
from routstr.proxy.wire import Credentials

ENDPOINT: Final = "/v1/messages/count_tokens"
_WORDING: Final = Wording(limits=("max_tokens",))


class CountTokens:
    """Counts with the vocabulary that estimates are made with; no provider is asked."""

    __slots__ = ("_catalog",)

    def __init__(self, catalog: Callable[[], Snapshot]) -> None:
        """``catalog`` gives the current models or raises ``PriceUnavailable``."""
        self._catalog: Final = catalog

    async def __call__(self, exchange: Exchange, _credentials: Credentials, body: bytes) -> None:
        """Answer ``{"input_tokens": n}``, or raise the error to answer with."""
        exchange.protocol = Protocol.ANTHROPIC
        request = PaidRequest.parse(body, _WORDING)
        entry = self._catalog().find(request.model)
        if entry is None:
            raise ModelNotFound(f"Model {request.model!r} not found")
        exchange.model = entry.id
        count = prompt_estimate(request.body).tokens
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await exchange.answer(200, headers, encode({"input_tokens": count}))
