"""What is sold by the settings, and what a node without a provider answers."""

from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from routstr.assembly.providers import build_fleet
from routstr.assembly.relay import paid_routes, price_policy
from routstr.catalog.service import Catalog
from routstr.core.clock import SystemClock
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.errors import UpstreamUnavailable
from routstr.money import Msat
from routstr.proxy.dialects import DIALECTS
from routstr.proxy.exchange import Exchange
from routstr.proxy.hot import Upload
from routstr.upstream.routing import Router


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(database_url=Secret(f"sqlite:///{folder}/node.db"), **more)


def test_fixed_prices_are_part_of_the_policy_only_when_switched_on(tmp_path: Path) -> None:
    prices = {"fixed_cost_per_request": Decimal(2), "fixed_per_1k_input_tokens": Decimal(3)}
    assert price_policy(settings(tmp_path, **prices)).fixed is None
    fixed = price_policy(settings(tmp_path, fixed_pricing=True, **prices)).fixed
    assert fixed is not None
    assert list(prices.values()) == [Decimal(2), Decimal(3)]
    assert repr(fixed).count("Decimal('2')") == 1
    assert repr(fixed).count("Decimal('3')") == 1


def test_the_policy_has_the_operator_s_factors_and_name(tmp_path: Path) -> None:
    policy = price_policy(
        settings(
            tmp_path,
            exchange_fee=Decimal("1.25"),
            upstream_provider_fee=Decimal("1.5"),
            upstream_base_url="https://api.example.com/v1",
        )
    )
    factors = (policy.exchange_fee, policy.provider_fee, policy.provider)
    assert factors == (Decimal("1.25"), Decimal("1.5"), "example")


async def test_without_a_provider_every_request_is_refused(tmp_path: Path) -> None:
    nothing = cast("Any", None)
    configured = settings(tmp_path)
    catalog = Catalog((), price_policy(configured), SystemClock())
    router = Router(build_fleet(configured, nothing))
    routes = paid_routes(configured, catalog, nothing, router, nothing)
    for dialect in DIALECTS:
        serve = routes[dialect.endpoint]
        assert not isinstance(serve, Upload)
        with pytest.raises(UpstreamUnavailable, match="UPSTREAM_BASE_URL"):
            await serve(Exchange({}, *[nothing] * 3), nothing, b"{}")


def test_rules_are_chosen_by_name_for_the_node_and_for_single_providers(tmp_path: Path) -> None:
    assert price_policy(settings(tmp_path)).rule == "token"
    assert price_policy(settings(tmp_path, fixed_pricing=True)).rule == "fixed"
    chosen = settings(tmp_path, pricing_rule="spot", pricing_rule_of=("local=fixed",))
    policy = price_policy(chosen)
    assert (policy.rule, policy.rule_of) == ("spot", {"local": "fixed"})
    assert policy.fixed is not None
    assert price_policy(settings(tmp_path, base_msats=7)).base == Msat(7)


def test_two_rules_for_the_same_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="FIXED_PRICING and PRICING_RULE=token contradict"):
        price_policy(settings(tmp_path, fixed_pricing=True, pricing_rule="token"))
