"""Which requests have the answer that was given before, and what that costs.

======================================  ==========================================================
a request is the same                   by endpoint, model, provider that was pinned, and body,
                                        whatever the order of its members; and by its key: no
                                        other key gets the answer, not even a child's
it is deterministic                     embeddings, moderations and reranking always; texts with
                                        ``temperature`` 0 or a ``seed``, as RESPONSE_CACHE_FOR says
it is neither looked up nor kept        streams; what is stored at the provider (``store``); a
                                        payment for one request alone; ``Cache-Control: no-store``
it is kept, but not looked up           ``Cache-Control: no-cache``
its answer is not kept                  when the balance lowered its output limit, or a parameter
                                        was corrected; larger than a mebibyte; no answer in JSON;
                                        free because it says nothing
======================================  ==========================================================

The hold is the one of a request that is served by a provider; it is settled with the share
(RESPONSE_CACHE_PERCENT) of what was charged for the answer when it was made, rounded up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from routstr.catalog.snapshot import ModelEntry
from routstr.core.node_key import NodeKey
from routstr.core.rendering import Header
from routstr.money import Msat
from routstr.payment.cost import fitted
from routstr.payment.metering import Meter
from routstr.proxy.dialects.base import Dialect, Service
from routstr.proxy.exchange import Exchange
from routstr.proxy.fields import encode, read_fields, value
from routstr.proxy.receipts import cost_headers
from routstr.proxy.request import PaidRequest
from routstr.proxy.response_cache.kept import ANSWER_BYTES_MAX, Kept, Shelf, parts_of
from routstr.proxy.sale import Sale

TEMPERATURE: Final = "temperature"
SEED: Final = "seed"
_PURPOSE: Final = "response-cache-name"
_STORES: Final = "/v1/responses"  # its answers are stored unless the request says otherwise
_CHANGED: Final = frozenset({b"x-routstr-max-tokens", b"x-routstr-corrected"})
_HEADERS: Final[list[Header]] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-routstr-cache", b"hit"),
]
_canonical: Final = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class ResponseCache:
    """Knows which requests are the same.

    ``percent``: the share of the cost; ``signs``: what of :data:`TEMPERATURE` and :data:`SEED`
    makes a text deterministic.
    """

    shelf: Shelf
    node: NodeKey
    percent: int
    signs: tuple[str, ...]

    def case(
        self,
        exchange: Exchange,
        request: PaidRequest,
        entry: ModelEntry,
        dialects: tuple[Dialect, Dialect | None],
    ) -> "Case | None":
        """The case of a request whose payer is known; None when it is served as always.

        ``dialects``: the client's, and the one that says the same in chat completions.
        """
        if exchange.change is not None or exchange.key_id is None:
            return None
        endpoint = dialects[0].endpoint
        if request.stream or not self._is_deterministic(request, endpoint):
            return None
        wish = dict(exchange.scope["headers"]).get(b"cache-control", b"").lower()
        if b"no-store" in wish:
            return None
        body = {key: given for key, given in request.body.items() if key != "stream"}
        name = self.node.mac(
            _PURPOSE,
            exchange.key_id.encode(),
            endpoint.encode(),
            *(part.encode() for part in (entry.id, entry.provider, entry.upstream_id)),
            _canonical(body),
        )
        return Case(self, name.hex(), entry, dialects, fresh=b"no-cache" in wish)

    def _is_deterministic(self, request: PaidRequest, endpoint: str) -> bool:
        body = request.body
        if body.get("store", endpoint == _STORES) is not False:
            return False
        if not request.wording.limits:  # what has no output
            return True
        return (TEMPERATURE in self.signs and _is_zero(body)) or (
            SEED in self.signs and type(body.get(SEED)) is int
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One request that may have been answered before."""

    cache: ResponseCache
    name: str
    entry: ModelEntry
    dialects: tuple[Dialect, Dialect | None]
    fresh: bool

    async def serve(self, exchange: Exchange, meter: Meter) -> bool:
        """Answer as before, for the share of the cost; False: somebody has to be asked."""
        kept = None if self.fresh else await self.cache.shelf.find(self.name)
        fields = None if kept is None else read_fields(kept.body)
        dialect = self.dialects[kept.translated] if kept is not None else None
        if kept is None or fields is None or dialect is None:
            return False
        exchange.provider = kept.provider
        charged = kept.charged
        share = Msat(-(-int(charged.total) * self.cache.percent // 100))
        receipt = await meter.settle_again(kept.usage, fitted(charged, share))
        exchange.receipt = receipt
        service = Service(self.entry.id, kept.provider, exchange.request_id)
        dialect.sign(fields, value(fields, "usage"), receipt, service)
        await exchange.answer(200, [*_HEADERS, *cost_headers(receipt)], encode(fields))
        return True

    def keep(self, body: bytes, sale: Sale) -> None:
        """An answer was delivered and charged: keep it if it may be given again."""
        receipt, fields = sale.exchange.receipt, read_fields(body)
        if receipt is None or fields is None or not sale.dialect.is_answer(fields):
            return
        changed = any(name in _CHANGED for name, _ in sale.headers)
        pardoned = sale.pardons and not receipt.charged
        if changed or pardoned or len(body) > ANSWER_BYTES_MAX:
            return
        translated = sale.dialect is not self.dialects[0]
        provider, cost = sale.service.provider, parts_of(receipt.cost)
        kept = Kept(body, provider, translated, receipt.usage, cost)
        self.cache.shelf.keep(self.name, kept)


def _is_zero(body: Mapping[str, object]) -> bool:
    temperature = body.get(TEMPERATURE)
    return type(temperature) in {int, float} and temperature == 0
