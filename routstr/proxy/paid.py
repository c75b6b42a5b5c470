"""A paid endpoint: from a body to a paid answer, whatever its dialect.

::

    parse -> model -> quote -> payer -> hold -> provider -> relay -> settle

Nothing is asked of the payer before the body is known to be good, nothing is sent to the provider
before the money is held, and every way out of here has ended the hold.
"""

from collections.abc import Callable
from typing import Final

from routstr.catalog.snapshot import Snapshot
from routstr.errors import ModelNotFound, UpstreamTimeout
from routstr.payment.metering import Offer
from routstr.payment.price_wishes import read_wishes
from routstr.payment.pricing import QuotePolicy, affordable_output_tokens, quote, read_limits
from routstr.payment.tokens import prompt_estimate
from routstr.payment.usage import Usage
from routstr.proxy.departure import Departure
from routstr.proxy.dialects.base import Dialect, Service
from routstr.proxy.exchange import Exchange
from routstr.proxy.json_relay import relay_json
from routstr.proxy.sale import Sale
from routstr.proxy.stream_relay import StreamRelay
from routstr.proxy.till import Till
from routstr.proxy.wire import Credentials
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.endpoint import Endpoint


class PaidEndpoint:
    """Serves one endpoint of one provider; holds no state of any request."""

    __slots__ = ("_catalog", "_deadlines", "_dialect", "_endpoint", "_policy", "_till")

    def __init__(
        self,
        dialect: Dialect,
        endpoint: Endpoint,
        *,
        catalog: Callable[[], Snapshot],
        policy: QuotePolicy,
        till: Till,
        deadlines: Deadlines,
    ) -> None:
        """``catalog`` gives the current prices or raises ``PriceUnavailable``."""
        self._dialect: Final = dialect
        self._endpoint: Final = endpoint
        self._catalog: Final = catalog
        self._policy: Final = policy
        self._till: Final = till
        self._deadlines: Final = deadlines

    async def __call__(self, exchange: Exchange, credentials: Credentials, body: bytes) -> None:
        """Answer the request, or raise the error to answer with."""
        dialect = self._dialect
        exchange.protocol = dialect.protocol
        request = dialect.parse(body)
        snapshot = self._catalog()
        entry = snapshot.find(request.model)
        if entry is None:
            raise ModelNotFound(f"Model {request.model!r} not found")
        exchange.model = entry.id
        prompt = prompt_estimate(request.body)
        limits = read_limits(request.body, entry, request.wording.limits)
        wishes = read_wishes(credentials.max_cost, credentials.fit_balance)
        quoted = quote(entry, prompt, limits, self._policy, fit=wishes.fit)
        held = wishes.ceiled(quoted, limits)
        offer = Offer(entry, held, prompt.images, snapshot.version, snapshot.usd_per_btc)
        async with self._till.checkout(exchange, credentials, offer, dialect.endpoint) as meter:
            limit = affordable_output_tokens(quoted, meter.held)
            headers = [] if limit is None else [(b"x-routstr-max-tokens", b"%d" % limit)]
            used = Usage(prompt.tokens, 0, reported=False)
            service = Service(entry.id, self._endpoint.provider.name, exchange.request_id)
            sale = Sale(exchange, meter, dialect, service, used, headers)
            await self._sell(sale, dialect.encode(request, entry.upstream_id, limit))

    async def _sell(self, sale: Sale, body: bytes) -> None:
        exchange, limits = sale.exchange, self._endpoint.limits
        departure = Departure(
            exchange.receive,
            self._deadlines,
            patience_s=limits.first_byte_s,
            drain_s=limits.drain_s,
        )
        try:
            try:
                with departure.deadline as deadline:
                    deadline.shorten(limits.total_s)
                    success = await self._endpoint.ask(
                        exchange.scope["headers"], body, deadline, model=sale.service.model
                    )
            except TimeoutError:
                if not departure.gone:
                    raise UpstreamTimeout from None
                # whoever leaves while the provider works pays at least for what it read
                await sale.settle(None, 0)
                return
            sale.headers += success.headers
            if success.body is None:
                await StreamRelay(sale, success.answer, departure, limits)()
            else:
                await relay_json(sale, success.body, success.answer.content_type)
        finally:
            departure.stop()
