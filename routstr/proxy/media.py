"""A paid endpoint for what is not text: pictures, sound, speech, whatever the dialect.

::

    form or JSON -> model -> providers -> price -> payer -> hold -> provider -> relay -> settle

A form is read to its end before anybody is asked for money (:mod:`routstr.proxy.forms`). Without a
price for what is asked, the request is refused before there is a hold.

==========================================  ======================================================
an answer with status 200 that is           is
==========================================  ======================================================
JSON with what was asked for                charged as reported or by the piece, then sent
JSON that is no answer                      refused (502), nothing charged
text or subtitles, where that can be        charged by what it says, then sent
sound (speech)                              charged with its first byte and sent as it comes: what
                                            it costs is known, and the head of the answer tells it
events                                      as all streams (:mod:`routstr.proxy.stream_relay`)
cut off after its first byte                charged: the provider was paid for all of it
none, because the client left meanwhile     charged for what was asked: the provider works for it
==========================================  ======================================================
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from routstr.catalog.snapshot import ModelEntry, Snapshot
from routstr.errors import (
    InvalidParameter,
    ModelNotFound,
    NotPriced,
    UpstreamError,
    UpstreamUnavailable,
)
from routstr.payment.metering import Meter, Offer, Receipt
from routstr.payment.price_wishes import read_wishes
from routstr.payment.pricing import NO_OUTPUT, QuotePolicy, quote_most
from routstr.payment.usage import Usage
from routstr.proxy.courier import Courier, Delivered
from routstr.proxy.dialects.base import Service
from routstr.proxy.dialects.finale import Finale, FinaleScanner
from routstr.proxy.dialects.given import Given, GivenForm, GivenJson
from routstr.proxy.dialects.pieces import Ask, Charge, PieceDialect
from routstr.proxy.exchange import Exchange
from routstr.proxy.fields import encode
from routstr.proxy.forms import Form
from routstr.proxy.media_relay import relay_bytes, relay_live
from routstr.proxy.request import MODEL_CHARS_MAX, PaidRequest, Wording
from routstr.proxy.sale import Sale
from routstr.proxy.stream_relay import StreamRelay
from routstr.proxy.till import Till
from routstr.proxy.wire import Credentials
from routstr.upstream.client import Answer
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.passage import Call
from routstr.upstream.routing import Choice, Router

_WORDING: Final = Wording(limits=())
_NOTHING: Final = Usage(0, 0)
_EVENT_STREAM: Final = "text/event-stream"
_SOUND: Final = frozenset({"application/octet-stream", "binary/octet-stream", ""})


@dataclass(slots=True)
class PieceSale(Sale):
    """A sale that is charged by what the dialect says of the answer."""

    terms: Charge
    scanner: FinaleScanner | None = None

    def watch(self, scanner: FinaleScanner) -> None:
        """Take what reads the stream of this sale."""
        self.scanner = scanner

    async def settle(self, reported: Usage | None, output_tokens: int = 0) -> Receipt:  # noqa: ARG002
        """Charge for a stream by what its scanner has seen."""
        seen = self.scanner
        assert seen is not None, "only streams are settled like this"
        return await self.charge(self.terms.of_stream(seen.told_usage, seen.said))


@dataclass(frozen=True, slots=True)
class Source:
    """What the client sent: a checked JSON body, or a form."""

    model: str
    given: Given
    stream: bool
    request: PaidRequest | None
    form: Form | None

    def call(self, path: str, entry: ModelEntry, terms: Charge) -> Call:
        """The same for a provider, under the model's name there."""
        if self.form is not None:
            written = self.form.write({**terms.changes, "model": entry.upstream_id})
            return Call(
                path,
                written.pieces,
                content_type=written.content_type,
                length=written.length,
                model=entry.upstream_id,
            )
        assert self.request is not None, "it is one or the other"
        body = encode({**self.request.body, **terms.changes, "model": entry.upstream_id})
        return Call(path, body, content_type="application/json", model=entry.upstream_id)


class PieceEndpoint:
    """Serves one endpoint, by whichever provider sells the model; holds no state of a request."""

    __slots__ = ("_catalog", "_deadlines", "_dialect", "_finale", "_policy", "_router", "_till")

    def __init__(
        self,
        dialect: PieceDialect,
        router: Router,
        *,
        catalog: Callable[[], Snapshot],
        policy: QuotePolicy,
        till: Till,
        deadlines: Deadlines,
    ) -> None:
        """``catalog`` gives the current prices or raises ``PriceUnavailable``."""
        self._dialect: Final = dialect
        self._router: Final = router
        self._catalog: Final = catalog
        self._policy: Final = policy
        self._till: Final = till
        self._deadlines: Final = deadlines
        self._finale: Final = Finale(
            dialect.endpoint, dialect.path, "data", (), last_events=dialect.last_events
        )

    async def __call__(self, exchange: Exchange, credentials: Credentials, body: bytes) -> None:
        """Answer a request in JSON, or raise the error to answer with."""
        request = PaidRequest.parse(body, _WORDING)
        given = GivenJson(request.body)
        stream = request.stream or given.text("stream_format") == "sse"
        await self._serve(
            exchange, credentials, Source(request.model, given, stream, request, None)
        )

    async def serve_form(self, exchange: Exchange, credentials: Credentials, form: Form) -> None:
        """Answer a form, or raise the error to answer with."""
        given = GivenForm(form)
        if not 0 < len(model := (given.text("model") or "").strip()) <= MODEL_CHARS_MAX:
            raise InvalidParameter("'model' must name a model.", details={"param": "model"})
        await self._serve(
            exchange, credentials, Source(model, given, given.flag("stream"), None, form)
        )

    async def _serve(self, exchange: Exchange, credentials: Credentials, source: Source) -> None:
        if self._router.idle:
            raise UpstreamUnavailable("This node has no provider configured.")
        snapshot = self._catalog()
        entry = snapshot.find(source.model)
        if entry is None:
            raise ModelNotFound(f"Model {source.model!r} not found")
        exchange.model = entry.id
        asked = await self._dialect.read(source.model, source.given)
        choices = self._choices(entry, credentials.model_path)
        if credentials.model_path is not None:
            entry = choices[0].entry
        terms = asked.at(entry)
        quoted = quote_most(terms.rates, terms.worst, self._policy)
        wishes = read_wishes(credentials.max_cost, credentials.fit_balance)
        held = wishes.ceiled(quoted, NO_OUTPUT)
        offer = Offer(_sold(entry, terms), held, 0, snapshot.version, snapshot.usd_per_btc)
        endpoint = self._dialect.endpoint
        async with self._till.checkout(exchange, credentials, offer, endpoint) as meter:
            courier = Courier(exchange, self._deadlines, choices)
            try:
                await self._deliver(exchange, meter, source, asked, terms, courier)
            finally:
                courier.departure.stop()

    def _choices(self, entry: ModelEntry, path: str | None) -> Sequence[Choice]:
        endpoint = self._dialect.endpoint
        if path is not None:
            return self._router.pinned(entry, endpoint, None, path)
        return self._router.choices(entry, endpoint, None, asyncio.get_running_loop().time())

    async def _deliver(
        self,
        exchange: Exchange,
        meter: Meter,
        source: Source,
        asked: Ask,
        terms: Charge,
        courier: Courier,
    ) -> None:
        dialect = self._dialect

        def make(choice: Choice) -> Call | None:
            try:
                terms = asked.at(choice.entry)
            except NotPriced:
                return None
            if quote_most(terms.rates, terms.worst, self._policy).want > meter.held:
                return None
            return source.call(dialect.path, choice.entry, terms)

        try:
            delivered = await courier.ask(make, self._is_whole)
        except TimeoutError:
            # the client has left while a provider works, which nobody else will pay for
            exchange.receipt = await meter.settle(terms.unseen)
            return
        entry = delivered.choice.entry
        terms = asked.at(entry)
        meter.serve(_sold(entry, terms))
        service = Service(exchange.model or entry.id, entry.provider, exchange.request_id)
        headers = list(delivered.success.headers)
        sale = PieceSale(exchange, meter, self._finale, service, _NOTHING, headers, terms)
        sale.dialect = replace(self._finale, watch=sale.watch)
        await self._relay(sale, asked, delivered, courier)

    async def _relay(
        self, sale: PieceSale, asked: Ask, delivered: Delivered, courier: Courier
    ) -> None:
        answer, body = delivered.success.answer, delivered.success.body
        carrier = delivered.choice.carrier
        limits = carrier.profile.limits
        fault: UpstreamError | None = None
        try:
            if body is not None:
                await relay_bytes(sale, asked, sale.terms, body, answer.content_type)
            elif answer.content_type == _EVENT_STREAM:
                relay = StreamRelay(sale, answer, courier.departure, limits)
                await relay()
                fault = relay.fault
            else:
                await relay_live(sale, sale.terms, answer, courier.departure, limits)
        except UpstreamError as error:
            fault = error
            raise
        finally:
            if fault is not None:
                carrier.broke_off(fault, asyncio.get_running_loop().time())

    def _is_whole(self, answer: Answer) -> bool:
        """Sound is relayed as it comes; anything that may be JSON, or a page, is looked at."""
        sound = answer.content_type.startswith("audio/") or answer.content_type in _SOUND
        return not (self._dialect.live and sound)


def _sold(entry: ModelEntry, terms: Charge) -> ModelEntry:
    """The model at the price of this request."""
    own, rate = entry.own, terms.rates.image_made
    alike = [entry.own_images.get(name, 0) for name, one in entry.images.items() if one == rate]
    if alike and rate:
        own = replace(own, image_made=max(alike))
    return replace(entry, rates=terms.rates, rates_text=terms.rates.dumps(), own=own)
