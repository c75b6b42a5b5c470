"""A request that is paid for, and the providers that are asked for it, one after another.

=====================================  ============================================================
an attempt ends with                   then
=====================================  ============================================================
200                                    that provider serves, at its own price; nobody else is asked
a fault of the provider                the next provider is asked
a key that must wait or is refused     the provider's next key, then the next provider
a parameter refused by name            once more without it, or under its other name
an endpoint that is not there          once more in chat completions, if that can be said so
any other refusal                      the client gets it
the client has gone                    nobody else is asked; what the provider read is charged
=====================================  ============================================================

Another provider is asked only if the worst case of this very request at its price fits into what
is held. The limits of connecting, of the first byte and of silence are each attempt's own; that of
the whole time is of all attempts together.
"""

from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from routstr.catalog.snapshot import PER_MSAT, ModelEntry
from routstr.core.rendering import Header
from routstr.errors import (
    Draining,
    RequestError,
    UpstreamError,
    UpstreamRejected,
    UpstreamTimeout,
)
from routstr.money import Msat
from routstr.payment.metering import Meter
from routstr.payment.pricing import (
    Quote,
    QuotePolicy,
    RequestLimits,
    affordable_output_tokens,
    quote,
)
from routstr.payment.tokens import PromptEstimate
from routstr.payment.usage import Usage
from routstr.proxy.departure import Departure
from routstr.proxy.dialects.base import Dialect, Service
from routstr.proxy.exchange import Exchange
from routstr.proxy.json_relay import relay_json
from routstr.proxy.request import PaidRequest
from routstr.proxy.response_cache.cases import Case
from routstr.proxy.sale import Sale
from routstr.proxy.stream_relay import StreamRelay
from routstr.upstream.blame import Blame
from routstr.upstream.carrier import Line
from routstr.upstream.correction import (
    CORRECTIONS_MAX,
    Correction,
    Corrections,
    corrected,
    correction,
)
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.endpoint import Endpoint, Success
from routstr.upstream.routing import Choice
from routstr.upstream.turns import Turns

_NODES_OWN: Final = "stream_options"
"""What the node itself adds to requests, so that nobody misses it."""
_UNCORRECTED: Final[tuple[Correction, ...]] = ()
_UNCHANGED: Final[tuple[str, ...]] = ()


class Order(Struct, frozen=True, gc=False):
    """What a client wants and what it was told that it costs.

    ``quoted`` is the price of ``entry``; ``choices`` are asked in their order. ``fit``: the client
    lets its own output limit be lowered. ``case``: the answer may be kept to be given again.
    """

    request: PaidRequest
    dialect: Dialect
    translated: Dialect | None
    prompt: PromptEstimate
    limits: RequestLimits
    fit: bool
    entry: ModelEntry
    quoted: Quote
    choices: Sequence[Choice]
    case: Case | None = None


class Delivery:
    """Serves one order. Call it once, while the hold is open."""

    __slots__ = (
        "_changed",
        "_corrections",
        "_departure",
        "_exchange",
        "_lowest",
        "_meter",
        "_order",
        "_policy",
        "_turns",
    )

    def __init__(
        self,
        exchange: Exchange,
        meter: Meter,
        order: Order,
        policy: QuotePolicy,
        deadlines: Deadlines,
    ) -> None:
        limits = order.choices[0].carrier.profile.limits
        self._exchange: Final = exchange
        self._meter: Final = meter
        self._order: Final = order
        self._policy: Final = policy
        self._departure: Final = Departure(
            exchange.receive, deadlines, patience_s=limits.first_byte_s, drain_s=limits.drain_s
        )
        self._lowest: int | None = None
        """The output limit that was sent so far: the body is one for all, and only goes down."""
        self._turns: Final = Turns()
        self._corrections = _UNCORRECTED
        self._changed = _UNCHANGED

    async def __call__(self) -> None:
        """Answer the client, or raise the error to answer with; then nothing was charged."""
        try:
            for choice in self._turns.order(self._order.choices):
                if await self._offer(choice):
                    return
            raise self._turns.failure()
        finally:
            self._departure.stop()

    async def _offer(self, choice: Choice) -> bool:
        """Let one provider serve; False: somebody else may."""
        order, carrier, entry = self._order, choice.carrier, choice.entry
        fits, limit = self._fit(entry)
        dialect = order.dialect if choice.native else order.translated
        if not fits or dialect is None:
            return False
        limit = self._lowest = _lower(limit, self._lowest)
        try:
            body = dialect.encode(order.request, entry.upstream_id, limit)
        except RequestError as error:
            self._turns.problem = self._turns.problem or error
            return False
        self._corrections, self._changed = _UNCORRECTED, _UNCHANGED
        if known := carrier.corrections(entry.upstream_id):
            body = self._correct(body, known)
        headers = [] if limit is None else [(b"x-routstr-max-tokens", b"%d" % limit)]
        sale = self._sale(choice, dialect, headers)
        self._meter.serve(entry)
        try:
            success = await self._ask(choice, dialect.path, body)
        except TimeoutError:
            # whoever leaves while the provider works pays at least for what it read
            await sale.settle(None, 0)
            return True
        except UpstreamRejected as error:
            if not self._may_translate(choice, error):
                raise
            return await self._offer_translated(choice)
        if success is None:
            return False
        headers += self._learn(choice)
        headers += success.headers
        await self._relay(choice, sale, success)
        return True

    def _learn(self, choice: Choice) -> list[Header]:
        """Remember what had to be corrected, and tell the client."""
        for made in self._corrections:
            if made.lasting:
                choice.carrier.learn(choice.entry.upstream_id, made.parameter, made.instead)
        told = ", ".join(name for name in self._changed if name != _NODES_OWN)
        return [(b"x-routstr-corrected", told.encode())] if told else []

    def _may_translate(self, choice: Choice, error: UpstreamError) -> bool:
        if self._departure.gone or self._order.translated is None:
            return False
        return choice.native and choice.carrier.may_lack(error)

    async def _offer_translated(self, choice: Choice) -> bool:
        """What a provider does not know in the client's words it may know in others."""
        self._turns.problem = None
        served = await self._offer(replace(choice, native=False))
        if served:
            choice.carrier.lacks(self._order.dialect.endpoint)
        return served

    def _sale(self, choice: Choice, dialect: Dialect, headers: list[Header]) -> Sale:
        exchange, order = self._exchange, self._order
        exchange.provider = choice.carrier.name
        service = Service(order.entry.id, choice.carrier.name, exchange.request_id)
        used = Usage(order.prompt.tokens, 0, reported=False)
        pardons = not self._policy.bill_empty and bool(order.request.wording.limits)
        return Sale(exchange, self._meter, dialect, service, used, headers, pardons=pardons)

    def _fit(self, entry: ModelEntry) -> tuple[bool, int | None]:
        """Whether what is held pays for the request at this entry, and with which output limit."""
        order, held = self._order, self._meter.held
        limit = affordable_output_tokens(order.quoted, held)
        if entry is order.entry:
            return True, limit
        quoted = quote(entry, order.prompt, order.limits, self._policy, fit=order.fit)
        least = quoted.max_output_tokens if limit is None else limit
        if order.fit or order.limits.max_output is None:
            least = min(least, self._policy.min_output_tokens)
        return _pays(held, quoted, least), affordable_output_tokens(quoted, held)

    async def _ask(self, choice: Choice, path: str, body: bytes) -> Success | None:
        """Ask one provider, with one key after another; None: somebody else may be asked.

        Raises what the client gets, and :class:`TimeoutError` when the client has gone.
        """
        sent, model = body, choice.entry.upstream_id

        def again(error: UpstreamError, fault: Blame) -> bool:
            nonlocal sent
            if mended := self._mend(error, fault, sent):
                sent = mended
                return True
            if self._is_final(error, fault):
                raise error
            return False

        def ask(line: Line) -> Awaitable[Success]:
            return self._attempt(line.endpoint(path, model), sent)

        attempt: Callable[[Line], Awaitable[Success]] = ask
        if (trace := self._exchange.trace) is not None:
            attempt = trace.each(ask, provider=choice.carrier.name, model=model)
        return await self._turns.ask(choice, attempt, again)

    async def _attempt(self, endpoint: Endpoint, body: bytes) -> Success:
        """Ask once. A time limit is the provider's failure unless the client has gone."""
        departure, exchange = self._departure, self._exchange
        limits, deadline = endpoint.limits, departure.deadline
        exchange.asks()
        answer = None
        try:
            try:
                with deadline:
                    deadline.due = monotonic() + limits.first_byte_s
                    deadline.shorten(limits.total_s)
                    answer = await endpoint.send(exchange.scope["headers"], body)
                    return await endpoint.take(answer, deadline, model=self._order.entry.id)
            except TimeoutError:
                if departure.gone:
                    raise
                raise (Draining if deadline.cut else UpstreamTimeout) from None
        except UpstreamError as error:
            error.answered = answer is not None and answer.status == 200  # noqa: PLR2004
            raise

    def _is_final(self, error: UpstreamError, fault: Blame) -> bool:
        """Whether the client gets this error, whoever else could be asked."""
        departure = self._departure
        late = monotonic() >= departure.deadline.never_after
        return fault is Blame.CLIENT or error.answered or departure.gone or late

    def _mend(self, error: UpstreamError, fault: Blame, body: bytes) -> bytes | None:
        """The body without what was refused in it; None when the refusal stands."""
        if fault is not Blame.CLIENT or not isinstance(error, UpstreamRejected):
            return None
        if self._departure.gone or len(self._corrections) >= CORRECTIONS_MAX:
            return None
        found = correction(error, body)
        if found is None:
            return None
        self._corrections += (found,)
        return self._correct(body, {found.parameter: found.instead})

    def _correct(self, body: bytes, corrections: Corrections) -> bytes:
        body, changed = corrected(body, corrections)
        self._changed += tuple(changed)
        return body

    async def _relay(self, choice: Choice, sale: Sale, success: Success) -> None:
        fault: UpstreamError | None = None
        try:
            if success.body is None:
                limits = choice.carrier.profile.limits
                relay = StreamRelay(sale, success.answer, self._departure, limits)
                await relay()
                fault = relay.fault
            else:
                await relay_json(sale, success.body, success.answer.content_type)
                if self._order.case is not None:
                    self._order.case.keep(success.body, sale)
        except UpstreamError as error:
            fault = error
            raise
        finally:
            if fault is not None:
                choice.carrier.broke_off(fault, monotonic())


def _lower(first: int | None, second: int | None) -> int | None:
    """The lower of two limits, of which there may be none."""
    return first if second is None else second if first is None else min(first, second)


def _pays(held: Msat, quoted: Quote, output_tokens: int) -> bool:
    return quoted.input_cost + quoted.output_rate * output_tokens <= int(held) * PER_MSAT
