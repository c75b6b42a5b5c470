"""What is sold: prices and the paid routes."""

from collections.abc import Mapping
from decimal import Decimal

from routstr.assembly.plugins import NOTHING_MORE, Extensions
from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.catalog.rules import FIXED, TOKENS
from routstr.catalog.service import Catalog
from routstr.core.setting_types import rule_choices
from routstr.core.settings import Settings
from routstr.money import Msat
from routstr.payment.pricing import QuotePolicy
from routstr.proxy import count_tokens, estimate_cost
from routstr.proxy.count_tokens import CountTokens
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.pieces import PieceDialect
from routstr.proxy.estimate_cost import EstimateCost
from routstr.proxy.hot import Serve, Upload
from routstr.proxy.media import PieceEndpoint
from routstr.proxy.once import Once
from routstr.proxy.paid import PaidEndpoint
from routstr.proxy.response_cache.cases import ResponseCache
from routstr.proxy.till import Till
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.routing import Router


def price_policy(settings: Settings) -> PricePolicy:
    """How models are priced by the settings."""
    rule = settings.pricing_rule or (FIXED if settings.fixed_pricing else TOKENS)
    if settings.fixed_pricing and rule != FIXED:
        raise ValueError(f"FIXED_PRICING and PRICING_RULE={rule} contradict each other")
    rule_of = rule_choices(settings.pricing_rule_of)
    fixed = None
    if FIXED in {rule, *rule_of.values()}:
        fixed = FixedPrices(
            Decimal(settings.fixed_cost_per_request),
            Decimal(settings.fixed_per_1k_input_tokens),
            Decimal(settings.fixed_per_1k_output_tokens),
        )
    return PricePolicy(
        exchange_fee=settings.exchange_fee,
        provider_fee=settings.upstream_provider_fee,
        min_request=Msat(settings.min_request_msat),
        fixed=fixed,
        provider=settings.upstream_name,
        base=settings.base_msats,
        rule=rule,
        rule_of=rule_of,
    )


def quote_policy(settings: Settings) -> QuotePolicy:
    """How requests are quoted by the settings."""
    return QuotePolicy(
        settings.tolerance_percentage,
        Msat(settings.min_request_msat),
        settings.min_output_tokens,
        settings.bill_empty_answers,
    )


def paid_routes(
    settings: Settings,
    catalog: Catalog,
    till: Till,
    router: Router,
    deadlines: Deadlines,
    extensions: Extensions = NOTHING_MORE,
    cache: ResponseCache | None = None,
) -> Mapping[str, Serve | Upload]:
    """Serve every dialect by the providers that the router knows; without one, refuse them all."""
    dialects, pieces = extensions.dialects, extensions.pieces
    policy = quote_policy(settings)
    free: dict[str, Serve] = {
        count_tokens.ENDPOINT: CountTokens(catalog.current),
        estimate_cost.ENDPOINT: EstimateCost(dialects, pieces, catalog.current, policy),
    }

    def serve(dialect: Dialect) -> Serve:
        return PaidEndpoint(
            dialect,
            router,
            catalog=catalog.current,
            policy=policy,
            till=till,
            deadlines=deadlines,
            cache=cache,
        )

    def serve_pieces(dialect: PieceDialect) -> Serve | Upload:
        endpoint = PieceEndpoint(
            dialect,
            router,
            catalog=catalog.current,
            policy=policy,
            till=till,
            deadlines=deadlines,
        )
        return Upload(endpoint.serve_form) if dialect.form else endpoint

    paid = {dialect.endpoint: serve(dialect) for dialect in dialects}
    return {**paid, **{one.endpoint: serve_pieces(one) for one in pieces}, **free}


def repeatable(once: Once, routes: Mapping[str, Serve | Upload]) -> Mapping[str, Serve | Upload]:
    """The same routes with ``Idempotency-Key``."""
    return {
        path: Upload(once.around_form(path, serve.serve))
        if isinstance(serve, Upload)
        else once.around(path, serve)
        for path, serve in routes.items()
    }
