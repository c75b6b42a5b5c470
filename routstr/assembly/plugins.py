# mypy: disable-error-code="type-abstract"
# (what a package brings is compared with protocols, which are what the node itself asks for)
"""What the node consists of with the packages that PLUGINS names: its own parts and theirs."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from routstr.catalog.custom import OWN_PATHS, CustomEndpoint, CustomFileError, checked_custom
from routstr.catalog.rules import NO_RULES, RULES, PricingRule
from routstr.core import plugins
from routstr.core.logging import get_logger
from routstr.core.plugins import Brought, Plugins, load_plugins
from routstr.core.settings import Settings
from routstr.proxy.checks import AuthCheck, CheckedTill
from routstr.proxy.dialects import DIALECTS, PIECES
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.pieces import PieceDialect
from routstr.proxy.door import Door, PaymentMethod
from routstr.proxy.till import Till
from routstr.upstream.adapters import ADAPTERS, find_adapter
from routstr.upstream.adapters.base import Adapter
from routstr.upstream.fleet import Fleet
from routstr.upstream.guided import Guide, GuidedRouter
from routstr.upstream.routing import Router

_TAKEN_SCHEMES: Final = frozenset({"bearer", "basic"})
_SCHEME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NO_METHODS: Final[Mapping[str, PaymentMethod]] = MappingProxyType({})
_PATH: Final = re.compile(r"/v1(?:/[A-Za-z0-9_-]+)+")
_log: Final = get_logger(__name__)


class Extensions(NamedTuple):
    """All adapters and dialects, the node's own in front; of the rest what packages bring."""

    adapters: Mapping[str, Adapter] = ADAPTERS
    rules: Mapping[str, PricingRule] = NO_RULES
    methods: Mapping[str, PaymentMethod] = _NO_METHODS
    """By scheme."""
    checks: tuple[AuthCheck, ...] = ()
    guides: tuple[Guide, ...] = ()
    dialects: tuple[Dialect, ...] = DIALECTS
    pieces: tuple[PieceDialect, ...] = PIECES
    custom: tuple[CustomEndpoint, ...] = ()


NOTHING_MORE: Final = Extensions()


def open_extensions(settings: Settings) -> Extensions:
    """Load the packages that PLUGINS names. Raises ``PluginError``."""
    found = load_plugins(settings.plugins)
    made = extensions_of(found)
    if found.packages:
        brought = [f"{one.group}: {one.name}" for one in found.brought]
        _log.info("plugins_loaded", packages=found.packages, brought=brought)
    return made


def extensions_of(found: Plugins) -> Extensions:
    """What packages bring, known to be what the node asks for. Raises ``PluginError``."""
    dialects, pieces, custom = _endpoints(found)
    return Extensions(
        adapters_of(found),
        _rules(found),
        _methods(found),
        tuple(one.made_as(AuthCheck) for one in found.of(plugins.AUTH_CHECKS)),
        tuple(one.made_as(Guide) for one in found.of(plugins.ROUTERS)),
        (*DIALECTS, *dialects),
        (*PIECES, *pieces),
        custom,
    )


def adapters_of(found: Plugins) -> Mapping[str, Adapter]:
    """The types of providers: the node's own, and those of packages."""
    adapters = dict(ADAPTERS)
    for one in found.of(plugins.ADAPTERS):
        adapter = one.made_as(Adapter)
        if adapter.name != one.name:
            raise one.fault(f"calls itself {adapter.name!r}")
        if find_adapter(one.name) is not None:
            raise one.fault("is a type that the node has itself")
        adapters[one.name] = adapter
    return MappingProxyType(adapters)


def build_router(fleet: Fleet, extensions: Extensions) -> Router:
    """The router, with the guides of packages."""
    return GuidedRouter(fleet, extensions.guides) if extensions.guides else Router(fleet)


def checked_till(till: Till, extensions: Extensions) -> Till:
    """The till, with the checks of packages."""
    if not extensions.checks:
        return till
    return CheckedTill(till.auth, till.x_cashu, till.ledger, till.demands, extensions.checks)


def through_door(
    entrance: ASGIApp, extensions: Extensions, shell: Callable[[ASGIApp], ASGIApp]
) -> ASGIApp:
    """The entrance, behind the payment methods of packages; ``shell`` answers what they raise."""
    if not extensions.methods:
        return entrance

    def refusing(error: Exception) -> ASGIApp:
        async def refuse(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise error

        return shell(refuse)

    return Door(entrance, extensions.methods, refusing)


def _rules(found: Plugins) -> Mapping[str, PricingRule]:
    rules: dict[str, PricingRule] = {}
    for one in found.of(plugins.PRICING_RULES):
        if one.name in RULES:
            raise one.fault("is a rule that the node has itself")
        rules[one.name] = one.made_as(PricingRule)
    return MappingProxyType(rules)


def _methods(found: Plugins) -> Mapping[str, PaymentMethod]:
    methods: dict[str, PaymentMethod] = {}
    for one in found.of(plugins.PAYMENT_METHODS):
        scheme = one.name.lower()
        if scheme in _TAKEN_SCHEMES | methods.keys() or not _SCHEME.fullmatch(scheme):
            raise one.fault("is taken, or no scheme of Authorization")
        methods[scheme] = one.made_as(PaymentMethod)
    return MappingProxyType(methods)


def _endpoints(
    found: Plugins,
) -> tuple[list[Dialect], list[PieceDialect], tuple[CustomEndpoint, ...]]:
    dialects: list[Dialect] = []
    pieces: list[PieceDialect] = []
    custom: list[CustomEndpoint] = []
    taken: set[str] = set()
    for one in found.of(plugins.ENDPOINTS):
        match one.made:
            case CustomEndpoint() as entry:
                custom.append(_checked_entry(one, entry))
            case Dialect() as dialect:
                dialects.append(dialect)
                _check_path(one, dialect.endpoint, taken)
            case PieceDialect() as dialect:
                pieces.append(dialect)
                _check_path(one, dialect.endpoint, taken)
            case _:
                raise one.fault("is no Dialect, PieceDialect or CustomEndpoint")
    return dialects, pieces, tuple(custom)


def _checked_entry(one: Brought, entry: CustomEndpoint) -> CustomEndpoint:
    try:
        checked_custom([entry])
    except CustomFileError as error:
        raise one.fault(str(error)) from error
    return entry


def _check_path(one: Brought, path: str, taken: set[str]) -> None:
    """A plain path below ``/v1`` that is nobody's yet."""
    if not _PATH.fullmatch(path) or path.split("/")[2] in OWN_PATHS or path in taken:
        raise one.fault(f"cannot be at {path!r}: no plain path below /v1, or taken")
    taken.add(path)
