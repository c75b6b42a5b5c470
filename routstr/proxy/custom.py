"""Endpoints that only the operator's list prices: any path, any method, charged by the request.

::

    path -> entry -> (owner of ids) -> price -> payer -> hold -> provider -> charge -> answer

The charge is made before the answer's head is sent. Events pass as they come; where the answer's
size has a price they are charged at their end. Input and output are counted in kilobytes here.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import Raw

from routstr.auth.objects import Objects, Owner
from routstr.catalog.custom import KB, CustomEndpoint
from routstr.catalog.snapshot import Goods, ModelEntry, Rates, Snapshot
from routstr.core.rendering import Header
from routstr.errors import InvalidJson, NotFound, UpstreamError, UpstreamTimeout
from routstr.money import ZERO
from routstr.payment.metering import Meter, Offer
from routstr.payment.price_wishes import read_wishes
from routstr.payment.pricing import NO_OUTPUT, QuotePolicy, quote_most
from routstr.payment.usage import Usage
from routstr.proxy.courier import Courier, Delivered
from routstr.proxy.exchange import Exchange
from routstr.proxy.fields import encode, read_fields, text
from routstr.proxy.receipts import cost_headers
from routstr.proxy.till import Till
from routstr.proxy.wire import Credentials
from routstr.upstream.client import Answer, UpstreamLimits
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.passage import Call
from routstr.upstream.routing import Choice, Router

_NO_STORE: Final[Header] = (b"cache-control", b"no-store")
_JSON: Final = "application/json"
_NO_FLOOR: Final = QuotePolicy(min_request=ZERO)


@dataclass(frozen=True, slots=True)
class CustomParts:
    """What all share: ``catalog`` with the price of bitcoin, the usual ``provider``."""

    router: Router
    catalog: Callable[[], Snapshot]
    till: Till
    objects: Objects
    deadlines: Deadlines
    provider: str


@dataclass(frozen=True, slots=True)
class Custom:
    """One entry at one path: ``found`` are the values of its names."""

    parts: CustomParts
    entry: CustomEndpoint
    found: Mapping[str, str]

    async def __call__(self, exchange: Exchange, credentials: Credentials, body: bytes) -> None:
        """Answer the request, or raise the error to answer with."""
        parts, entry = self.parts, self.entry
        exchange.model = f"{exchange.scope['method']} {entry.path}"
        owner = None
        if entry.owned or entry.binds or entry.lists is not None:
            owner = await parts.objects.owner(credentials.authorization)
        if owner is not None:
            body = await self._owned(owner, body)
        snapshot = parts.catalog()
        sold = self._sold(snapshot, exchange.model)
        kb_in = _kb(len(body))
        most = entry.max_kb_out if entry.per_kb_out is not None else 0
        quoted = quote_most(sold.rates, [Usage(kb_in, most)], _NO_FLOOR)
        wishes = read_wishes(credentials.max_cost, credentials.fit_balance)
        offer = Offer(
            sold, wishes.ceiled(quoted, NO_OUTPUT), 0, snapshot.version, snapshot.usd_per_btc
        )
        async with parts.till.checkout(exchange, credentials, offer, entry.path) as meter:
            if entry.lists is not None and owner is not None:
                await self._list(exchange, meter, owner, kb_in)
                return
            courier = Courier(exchange, parts.deadlines, parts.router.named(sold))
            try:
                delivered = await courier.ask(
                    self._call(exchange, body), lambda _: True, resent=False
                )
                await self._relay(exchange, meter, courier, delivered, kb_in, owner)
            except TimeoutError:
                exchange.receipt = await meter.settle(Usage(kb_in, 0))
            finally:
                courier.departure.stop()

    def _sold(self, snapshot: Snapshot, name: str) -> ModelEntry:
        entry, btc = self.entry, snapshot.usd_per_btc
        of_input, of_output = (
            0 if price is None else price.rate(btc) for price in (entry.per_kb_in, entry.per_kb_out)
        )
        rates = Rates(request=entry.price.rate(btc), prompt=of_input, completion=of_output)
        return entry_of(name, rates, entry.provider or self.parts.provider)

    def _call(self, exchange: Exchange, body: bytes) -> Callable[[Choice], Call]:
        scope = exchange.scope
        kind = dict(scope["headers"]).get(b"content-type", b"").decode("ascii", "ignore")
        call = Call(
            self.entry.upstream(dict(self.found)),
            body,
            method=scope["method"],
            query=scope["query_string"].decode("ascii", "ignore"),
            content_type=kind if body and kind.isprintable() and kind else None,
        )
        return lambda _choice: call

    async def _owned(self, owner: Owner, body: bytes) -> bytes:
        """Refuse ids that are not the key's; the body as the node has read it."""
        names = [name for name in self.entry.owned if name not in self.found]
        ids = [self.found[name] for name in self.entry.owned if name in self.found]
        if names:
            fields = read_fields(body)
            if fields is None:
                raise InvalidJson("The body must be a JSON object.")
            ids += [text(fields, name) or "" for name in names]
            body = encode(fields)
        for one in ids:
            if await self.parts.objects.find(owner, one) is None:
                raise NotFound(f"There is no {one!r} of this key.")
        return body

    async def _list(self, exchange: Exchange, meter: Meter, owner: Owner, kb_in: int) -> None:
        kind = self.entry.lists or ""
        found = await self.parts.objects.all(owner, kind)
        data = [Raw(one.body.encode() or encode({"id": one.id})) for one in found]
        exchange.receipt = await meter.settle(Usage(kb_in, 0))
        exchange.change = await meter.give_change()
        body = encode({"object": "list", "data": data, "has_more": False})
        await exchange.answer(200, _head(meter, _JSON), body)

    async def _relay(
        self,
        exchange: Exchange,
        meter: Meter,
        courier: Courier,
        delivered: Delivered,
        kb_in: int,
        owner: Owner | None,
    ) -> None:
        answer, body = delivered.success.answer, delivered.success.body
        limits = delivered.choice.carrier.profile.limits
        if body is None:
            await self._stream(exchange, meter, courier, answer, kb_in, limits)
            return
        if self.entry.per_kb_out is not None and len(body) > self.entry.max_kb_out * KB:
            raise UpstreamError("The provider's answer is too large. Nothing was charged.")
        if owner is not None:
            await self._bind(owner, delivered.choice.carrier.name, exchange.scope["method"], body)
        exchange.receipt = await meter.settle(Usage(kb_in, self._kb_out(len(body))))
        exchange.change = await meter.give_change()
        head = _head(meter, answer.content_type) + list(delivered.success.headers)
        await exchange.answer(answer.status, head, body)

    async def _stream(
        self,
        exchange: Exchange,
        meter: Meter,
        courier: Courier,
        answer: Answer,
        kb_in: int,
        limits: UpstreamLimits,
    ) -> None:
        by_size = self.entry.per_kb_out is not None
        size, departure = 0, courier.departure
        try:
            while not departure.gone:
                departure.deadline.due = asyncio.get_running_loop().time() + limits.idle_s
                try:
                    with departure.deadline:
                        piece = await answer.chunk()
                        if not exchange.started:
                            if not by_size:
                                exchange.receipt = await meter.settle(Usage(kb_in, 0))
                                exchange.change = await meter.give_change()
                            await exchange.start(answer.status, _head(meter, answer.content_type))
                        size += len(piece)
                        if size > self.entry.max_kb_out * KB and by_size:
                            raise UpstreamError("The provider's answer is too large.")
                        await exchange.write(piece, last=not piece)
                except TimeoutError:
                    if courier.departure.gone:
                        break
                    raise UpstreamTimeout("The provider fell silent.") from None
                if not piece:
                    break
        finally:
            exchange.hears()
            answer.close()
            if meter.receipt is None and (exchange.started or departure.gone):
                exchange.receipt = await meter.settle(Usage(kb_in, self._kb_out(size)))

    async def _bind(self, owner: Owner, provider: str, method: str, body: bytes) -> None:
        objects, entry = self.parts.objects, self.entry
        if method == "DELETE":
            for name in entry.owned:
                if name in self.found:
                    await objects.forget(owner, self.found[name])
            return
        fields = read_fields(body)
        if fields is None or not entry.binds:
            return
        kind = entry.segments[0]
        bodies = {text(fields, name) or "": "" for name in entry.binds}
        bodies[text(fields, entry.binds[0]) or ""] = body.decode("utf-8", "replace")
        await objects.bind(owner, provider, kind, bodies)

    def _kb_out(self, size: int) -> int:
        return _kb(size) if self.entry.per_kb_out is not None else 0


def entry_of(name: str, rates: Rates, provider: str) -> ModelEntry:
    """What is sold at a price and is no model, in the form in which models are."""
    return ModelEntry(
        id=name,
        upstream_id="",
        name=name,
        created=0,
        description="",
        context_length=0,
        max_completion_tokens=None,
        output_limit=0,
        rates=rates,
        rates_text=rates.dumps(),
        max_prompt=0,
        max_completion=0,
        max_cost=rates.request,
        usd=None,
        body=b"",
        provider=provider,
        goods=Goods(0),
    )


def _kb(size: int) -> int:
    return -(-size // KB)


def _head(meter: Meter, kind: str) -> list[Header]:
    told = [] if meter.receipt is None else cost_headers(meter.receipt)
    shown = kind.encode("ascii", "ignore")
    return [*([(b"content-type", shown)] if shown else []), _NO_STORE, *told]
