"""A paid endpoint: from a body to a paid answer, whatever its dialect.

::

    parse -> model -> providers -> quote -> payer -> hold -> delivery (ask, relay, settle)

Nothing is asked of the payer before the body is known to be good, nothing is sent to a provider
before the money is held, and every way out of here has ended the hold.
"""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from routstr.catalog.snapshot import ModelEntry, Snapshot
from routstr.errors import ModelNotFound, UpstreamUnavailable
from routstr.payment.metering import Offer
from routstr.payment.price_wishes import read_wishes
from routstr.payment.pricing import QuotePolicy, quote, read_limits
from routstr.payment.tokens import prompt_estimate
from routstr.proxy.delivery import Delivery, Order
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.translated import TRANSLATED
from routstr.proxy.exchange import Exchange
from routstr.proxy.response_cache.cases import ResponseCache
from routstr.proxy.till import Till
from routstr.proxy.wire import Credentials
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.routing import Choice, Router

_NO_PROVIDER: Final = (
    "This node has no provider configured (UPSTREAM_BASE_URL, or routstr providers add)."
)


class PaidEndpoint:
    """Serves one endpoint, by whichever provider sells the model; holds no state of any request."""

    __slots__ = (
        "_cache",
        "_catalog",
        "_deadlines",
        "_dialect",
        "_instead",
        "_policy",
        "_router",
        "_till",
        "_translated",
    )

    def __init__(
        self,
        dialect: Dialect,
        router: Router,
        *,
        catalog: Callable[[], Snapshot],
        policy: QuotePolicy,
        till: Till,
        deadlines: Deadlines,
        cache: ResponseCache | None = None,
    ) -> None:
        """``catalog`` gives the current prices or raises ``PriceUnavailable``."""
        translated = TRANSLATED.get(dialect.endpoint)
        self._dialect: Final = dialect
        self._translated: Final = translated
        self._instead: Final = None if translated is None else f"/v1/{translated.path}"
        self._router: Final = router
        self._catalog: Final = catalog
        self._policy: Final = policy
        self._till: Final = till
        self._deadlines: Final = deadlines
        self._cache: Final = cache

    async def __call__(self, exchange: Exchange, credentials: Credentials, body: bytes) -> None:
        """Answer the request, or raise the error to answer with."""
        dialect = self._dialect
        exchange.protocol = dialect.protocol
        if self._router.idle:
            raise UpstreamUnavailable(_NO_PROVIDER)
        request = dialect.parse(body)
        snapshot = self._catalog()
        entry = snapshot.find(request.model)
        if entry is None:
            raise ModelNotFound(f"Model {request.model!r} not found")
        exchange.model = entry.id
        choices = self._choices(entry, credentials.model_path)
        if credentials.model_path is not None:
            entry = choices[0].entry
        if self._translated is not None and not any(choice.native for choice in choices):
            self._translated.asked(request)  # what nobody here can do costs nobody a hold
        prompt = prompt_estimate(request.body)
        limits = read_limits(request.body, entry, request.wording.limits)
        wishes = read_wishes(credentials.max_cost, credentials.fit_balance)
        quoted = quote(entry, prompt, limits, self._policy, fit=wishes.fit)
        held = wishes.ceiled(quoted, limits)
        version, btc = snapshot.version, snapshot.usd_per_btc
        offer = Offer(entry, held, prompt.images, version, btc, prompt.tokens)
        async with self._till.checkout(exchange, credentials, offer, dialect.endpoint) as meter:
            case = None
            if self._cache is not None:
                case = self._cache.case(exchange, request, entry, (dialect, self._translated))
            if case is not None and await case.serve(exchange, meter):
                return
            order = Order(
                request,
                dialect,
                self._translated,
                prompt,
                limits,
                wishes.fit,
                entry,
                quoted,
                choices,
                case,
            )
            await Delivery(exchange, meter, order, self._policy, self._deadlines)()

    def _choices(self, entry: ModelEntry, path: str | None) -> Sequence[Choice]:
        endpoint, instead = self._dialect.endpoint, self._instead
        if path is not None:
            return self._router.pinned(entry, endpoint, instead, path)
        return self._router.choices(entry, endpoint, instead, monotonic())
