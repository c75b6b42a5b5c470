"""What is sold, by MODEL_SOURCES: the operator's file, providers' own lists, public prices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from aiohttp import ClientSession

from routstr.assembly.providers import UpstreamSessions
from routstr.assembly.relay import price_policy
from routstr.catalog.models_file import load_entries
from routstr.catalog.rules import NO_RULES, TOKENS, PricingRule, UnknownRule, known_rules
from routstr.catalog.service import Catalog
from routstr.core.clock import Clock
from routstr.core.logging import get_logger
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.payment.price_lists import LIST_BYTES_MAX, Listing, ListPolicy, PriceLists, Read
from routstr.payment.price_sources import HttpFetch, Page
from routstr.upstream.provider import Profile, Provider

FILE: Final = "file"
UPSTREAM: Final = "upstream"
OPENROUTER: Final = "openrouter"
TICK_SECONDS: Final = 5.0
"""How often it is looked whether a list is due."""

_log: Final = get_logger(__name__)

Entries = tuple[Mapping[str, Any], ...]


def open_catalog(
    settings: Settings, clock: Clock, brought: Mapping[str, PricingRule] = NO_RULES
) -> tuple[Catalog, Entries]:
    """The catalogue, still empty, and the file's entries; raises what stops a start.

    ``brought`` are the pricing rules of packages.
    """
    entries: Entries = ()
    if FILE in settings.model_sources and _is_meant(settings):
        alone = settings.model_sources == (FILE,)
        entries = load_entries(settings.models_path, whole=alone)
    policy = price_policy(settings)
    named = {entry.get("pricing_rule") or policy.rule for entry in entries}
    rules = known_rules({policy.rule, *policy.rule_of.values(), *named}, brought)
    unmeant = [entry["id"] for entry in entries if _gives_away(entry)]
    if unmeant and policy.rule == TOKENS and not policy.base:
        _log.warning("prices_of_nothing_are_not_sold", models=unmeant, wanted='"free": true')
    return Catalog((), policy, clock, rules), entries


def _is_meant(settings: Settings) -> bool:
    """Whether the file has to be there; a new node that names none begins without."""
    return "models_path" in settings.model_fields_set or settings.models_path.exists()


def check_rules(settings: Settings, brought: Mapping[str, PricingRule] = NO_RULES) -> None:
    """Raise ``ValueError`` for pricing rules that contradict each other or that nobody has."""
    policy = price_policy(settings)
    named = {"PRICING_RULE": [policy.rule], "PRICING_RULE_OF": policy.rule_of.values()}
    for setting, rules in named.items():
        try:
            known_rules(rules, brought)
        except UnknownRule as error:
            raise ValueError(f"{setting}: {error}") from error


def _gives_away(entry: Mapping[str, Any]) -> bool:
    """Whether an entry has prices of nothing and does not say that this is meant."""
    meant = any(entry.get(name) for name in ("free", "base_msats", "fixed", "pricing_rule"))
    prices = (entry.get("pricing") or {}).values()
    numbers = [price for price in prices if isinstance(price, str | int | Decimal)]
    return not meant and bool(numbers) and not any(Decimal(price) for price in numbers)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Keeps the catalogue filled. ``sessions`` reach providers."""

    lists: PriceLists
    settings: Settings
    sessions: UpstreamSessions

    async def follow(self, profiles: Iterable[Profile]) -> None:
        """Sell what these providers offer from now on; the first one is the file's."""
        listings = [self._listing(profile) for profile in profiles]
        nobody = Listing(self.settings.upstream_name, self.settings.upstream_provider_fee)
        await self.lists.set_providers(listings or [nobody])

    def _listing(self, profile: Profile) -> Listing:
        fee = self.settings.upstream_provider_fee if profile.fee is None else profile.fee
        read: Read | None = None
        if UPSTREAM in self.settings.model_sources:
            key = profile.keys[0] if profile.keys else Secret()
            adapter, options = profile.adapter, profile.options
            one = Provider.create(profile.name, profile.base_url, key, adapter, options)
            headers = one.headers_for("models")
            fetch = HttpFetch(self.sessions.of(profile), LIST_BYTES_MAX, headers)
            read = Page(fetch, str(one.url("models")))
        return Listing(profile.name, fee, profile.priority, read=read, id=profile.id)


def build_shelf(
    catalog: Catalog,
    entries: Sequence[Mapping[str, Any]],
    settings: Settings,
    clock: Clock,
    *,
    upstream: UpstreamSessions,
    outgoing: ClientSession,
) -> Shelf:
    """The shelf, on which nothing is yet: :meth:`Shelf.follow` puts it there.

    ``outgoing`` reaches public addresses only: the public list is read through it.
    """
    public: Read | None = None
    if OPENROUTER in settings.model_sources:
        fetch = HttpFetch(outgoing, LIST_BYTES_MAX, {"Accept-Encoding": "identity"})
        public = Page(fetch, settings.openrouter_models_url)
    policy = ListPolicy(
        settings.models_refresh_interval_seconds,
        settings.models_age_seconds_max,
        jump_limit=settings.price_jump_limit,
    )
    lists = PriceLists(catalog.take_sources, clock, policy, entries, public)
    return Shelf(lists, settings, upstream)


def start_lists(shelf: Shelf, supervisor: Supervisor) -> None:
    """Read the lists that MODEL_SOURCES names from now on."""
    if set(shelf.settings.model_sources) - {FILE}:
        supervisor.every("models", TICK_SECONDS, shelf.lists.refresh)
