"""What packages bring is checked against what the node has; without any, the node is as it was."""

from pathlib import Path
from typing import Any, cast

import pytest
from starlette.types import ASGIApp

from routstr.assembly.plugins import (
    NOTHING_MORE,
    Extensions,
    build_router,
    checked_till,
    extensions_of,
    open_extensions,
    through_door,
)
from routstr.catalog.custom import CustomEndpoint, Price, load_custom
from routstr.catalog.rules import RULES
from routstr.core.plugins import (
    ADAPTERS,
    AUTH_CHECKS,
    ENDPOINTS,
    PAYMENT_METHODS,
    PRICING_RULES,
    ROUTERS,
    Brought,
    PluginError,
    Plugins,
)
from routstr.core.settings import Settings
from routstr.errors import PaymentError
from routstr.proxy.checks import CheckedTill
from routstr.proxy.dialects import DIALECTS, PIECES
from routstr.proxy.dialects.counted import Counted
from routstr.proxy.door import Door
from routstr.proxy.till import Till
from routstr.upstream.adapters.base import Adapter
from routstr.upstream.guided import GuidedRouter
from routstr.upstream.routing import Router
from tests.unit.core.asgi import ask
from tests.unit.proxy.test_checks import Porter
from tests.unit.proxy.test_door import Inside, Vouchers
from tests.unit.upstream.test_guided import without

ACME = Adapter(name="acme", title="Acme")
CLASSIFY = Counted("/v1/classify", "classify", "data", ("input",))
WEATHER = CustomEndpoint("GET", "/v1/weather/{place}", Price(msat=700))
VOUCHERS, PORTER, GUIDE = Vouchers(), Porter(), without("a")


def brought(group: str, name: str, made: object) -> Plugins:
    return Plugins(("pack 1",), (Brought("pack", group, name, made),))


def test_without_packages_there_is_nothing_more_and_nothing_around(tmp_path: Path) -> None:
    nothing = cast("Any", None)
    till, inside = Till(*[nothing] * 4), Inside()
    assert open_extensions(Settings()) == NOTHING_MORE == Extensions()
    assert type(build_router(nothing, NOTHING_MORE)) is Router
    assert checked_till(till, NOTHING_MORE) is till
    assert through_door(inside, NOTHING_MORE, nothing) is inside


def test_everything_that_a_package_brings_finds_its_place() -> None:
    made = extensions_of(
        Plugins(
            ("pack 1",),
            (
                Brought("pack", ADAPTERS, "acme", ACME),
                Brought("pack", PRICING_RULES, "same", RULES["token"]),
                Brought("pack", PAYMENT_METHODS, "Voucher", VOUCHERS),
                Brought("pack", AUTH_CHECKS, "porter", PORTER),
                Brought("pack", ROUTERS, "guide", GUIDE),
                Brought("pack", ENDPOINTS, "classify", CLASSIFY),
                Brought("pack", ENDPOINTS, "hum", HUM),
                Brought("pack", ENDPOINTS, "weather", WEATHER),
            ),
        )
    )
    assert made.adapters["acme"] is ACME
    assert "openai" in made.adapters
    assert made.rules == {"same": RULES["token"]}
    assert made.methods == {"voucher": VOUCHERS}
    assert (made.checks, made.guides) == ((PORTER,), (GUIDE,))
    assert made.dialects == (*DIALECTS, CLASSIFY)
    assert made.pieces == (*PIECES, HUM)
    assert made.custom == (WEATHER,)
    assert type(build_router(cast("Any", None), made)) is GuidedRouter
    till = checked_till(Till(*[cast("Any", None)] * 4), made)
    assert isinstance(till, CheckedTill)
    assert till.checks == (PORTER,)


class Humming:
    """An endpoint of pieces, as far as it is looked at here."""

    endpoint, path, form, live = "/v1/hum", "hum", False, False
    last_events: frozenset[str] = frozenset()

    async def read(self, model: str, given: object) -> object:
        raise NotImplementedError


HUM = Humming()


@pytest.mark.parametrize(
    ("group", "name", "made", "reason"),
    [
        (ADAPTERS, "acme", "acme", "is no Adapter"),
        (ADAPTERS, "acne", ACME, "calls itself 'acme'"),
        (ADAPTERS, "openai", Adapter(name="openai", title=""), "that the node has itself"),
        (ADAPTERS, "vllm", Adapter(name="vllm", title=""), "that the node has itself"),
        (PRICING_RULES, "token", RULES["fixed"], "that the node has itself"),
        (PRICING_RULES, "mine", object(), "is no PricingRule"),
        (PAYMENT_METHODS, "Bearer", VOUCHERS, "is taken"),
        (PAYMENT_METHODS, "my words", VOUCHERS, "no scheme"),
        (PAYMENT_METHODS, "voucher", PORTER, "is no PaymentMethod"),
        (AUTH_CHECKS, "c", VOUCHERS, "is no AuthCheck"),
        (ROUTERS, "r", PORTER, "is no Guide"),
        (ENDPOINTS, "e", PORTER, "is no Dialect, PieceDialect or CustomEndpoint"),
        (ENDPOINTS, "e", Counted("/v1/chat/mine", "p", "d", ()), "cannot be at '/v1/chat/mine'"),
        (ENDPOINTS, "e", Counted("/v1/a/../b", "p", "d", ()), "cannot be at"),
        (ENDPOINTS, "e", Counted("/elsewhere", "p", "d", ()), "cannot be at"),
        (ENDPOINTS, "e", CustomEndpoint("GET", "/v1/balance", Price(1)), "served by the node"),
        (ENDPOINTS, "e", CustomEndpoint("GET", "/v1/b", Price()), "must be in one of"),
    ],
)
def test_what_does_not_fit_stops_the_start_with_the_package_s_name(
    group: str, name: str, made: object, reason: str
) -> None:
    with pytest.raises(PluginError, match=r"'pack': ") as refused:
        extensions_of(brought(group, name, made))
    assert reason in str(refused.value)


def test_two_cannot_have_one_path(tmp_path: Path) -> None:
    one = Brought("pack", ENDPOINTS, "a", CLASSIFY)
    with pytest.raises(PluginError, match="'b' cannot be at '/v1/classify'"):
        extensions_of(Plugins((), (one, Brought("pack", ENDPOINTS, "b", CLASSIFY))))
    (tmp_path / "custom.json").write_text(
        '[{"method": "GET", "path": "/v1/weather/{town}", "price": {"msat": 1}}]'
    )
    with pytest.raises(ValueError, match="listed twice"):
        load_custom(tmp_path / "custom.json", [WEATHER])
    assert load_custom(Path(), [WEATHER]) == (WEATHER,)


async def test_what_a_payment_method_raises_is_answered_by_the_shell() -> None:
    def shell(app: ASGIApp) -> ASGIApp:
        return app  # which would make an answer of what is raised

    extensions = Extensions(methods={"voucher": Vouchers()})
    app = through_door(Inside(), extensions, shell)
    assert isinstance(app, Door)
    headers = [("Authorization", "Voucher used-up")]
    answered = await ask(app, "GET", "/v1/balance/info", headers=headers)
    assert isinstance(answered.raised, PaymentError)
