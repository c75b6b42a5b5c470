"""What other nodes and a reviewer say on Nostr: read in the background, listed and shown."""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import ClientSession
from starlette.datastructures import State

from routstr.admin.nostr.network import NetworkDesk, NetworkShown, ReviewShown
from routstr.catalog.service import Catalog
from routstr.core.clock import Clock
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.discovery.directory import Directory
from routstr.discovery.identity import InvalidPublicKey, public_key
from routstr.discovery.probe import Probe
from routstr.discovery.relays import RelayPool
from routstr.errors import PriceUnavailable

REVIEWS_SECONDS: Final = 3_600.0
"""How often reviews are read where nodes are not listed."""
_SHOWN_MAX: Final = 100


class Reviewed(NetworkDesk):
    """What is said of this node and of the models that it sells."""

    def __init__(
        self, directory: Directory, settings: Settings, catalog: Catalog, npub: Callable[[], str]
    ) -> None:
        """``npub`` tells the node's own key; empty: it has none."""
        self._directory: Final = directory
        self._reviewer: Final = settings.reviewer_npub
        self._catalog: Final = catalog
        self._npub: Final = npub

    async def show(self) -> NetworkShown:
        """What was read last."""
        known = self._directory.known
        names = known.names.mappings
        return NetworkShown(
            reviewer=self._reviewer,
            read_at=known.read_at,
            review=await self._review(),
            nodes=len(known.listed) if self._directory.lists else None,
            curated=known.curated.models,
            curated_sold=tuple(filter(self._sells, known.curated.models)),
            mappings=len(names),
            mappings_here=tuple(
                (variant, canonical)
                for variant, canonical in names.items()
                if self._sells(canonical) and not self._sells(variant)
            )[:_SHOWN_MAX],
        )

    async def _review(self) -> ReviewShown | None:
        review = self._directory.known.reviews.get(await asyncio.to_thread(_hex, self._npub()))
        if review is None:
            return None
        at = review.created_at * 1_000
        return ReviewShown(review.verdict.value, review.label, review.words, at)

    def _sells(self, name: str) -> bool:
        try:
            return self._catalog.current().find(name) is not None
        except PriceUnavailable:
            return False


def show_others(  # noqa: PLR0913, PLR0917 - it is wiring
    state: State,
    settings: Settings,
    clock: Clock,
    session: ClientSession,
    catalog: Catalog,
    npub: Callable[[], str],
    supervisor: Supervisor,
    before: Directory | None,
) -> None:
    """Begin to read what others say, and give it to the routes about them.

    ``session`` is one that is checked; ``before`` is what was read with other settings.
    """
    directory = state.directory = build_directory(settings, clock, session)
    if before is not None:
        directory.remember(before)
    state.admin_network = Reviewed(directory, settings, catalog, npub)
    start_directory(directory, settings, npub, supervisor)


def build_directory(settings: Settings, clock: Clock, session: ClientSession) -> Directory:
    """Put it together; nothing is asked."""
    return Directory(
        RelayPool(settings.relays, session, clock),
        Probe(session, tor=bool(settings.tor_proxy_url)),
        clock,
        reviewer=settings.reviewer_npub,
        lists=settings.providers_refresh_interval_seconds > 0,
    )


def start_directory(
    directory: Directory, settings: Settings, npub: Callable[[], str], supervisor: Supervisor
) -> None:
    """Read what was asked for, and of a node with a key (``npub``) what is said of it."""

    async def read() -> None:
        if directory.lists or npub():
            await directory.refresh()

    if settings.relays:
        pause = settings.providers_refresh_interval_seconds or REVIEWS_SECONDS
        supervisor.every("directory", pause, read)


def _hex(npub: str) -> str:
    try:
        return public_key(npub) if npub else ""
    except InvalidPublicKey:
        return ""
