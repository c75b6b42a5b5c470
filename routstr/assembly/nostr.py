"""The node on Nostr: its key, its relays, what is published in the background."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientSession
from starlette.datastructures import State

from routstr.admin.nostr.desk import Announced, NostrDesk, RelayShown, Shown
from routstr.admin.nostr_sign_in import Claim, NostrSignIn
from routstr.admin.sessions import Sessions
from routstr.assembly.process import Process
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.discovery import announcer, sharing, store
from routstr.discovery.announcement import Facts
from routstr.discovery.announcer import Announcer
from routstr.discovery.events import HTTP_AUTH, Event, first, is_genuine, parse
from routstr.discovery.identity import InvalidKey, public_key
from routstr.discovery.keyring import KeyLocked, Keyring
from routstr.discovery.lease import Lease
from routstr.discovery.messenger import Messenger
from routstr.discovery.office import Office
from routstr.discovery.relays import RelayPool
from routstr.discovery.report import Report, Stand
from routstr.discovery.sharing import Sharing
from routstr.errors import NostrKeyLocked, NostrKeyUnfit

_OWNER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Nostr:
    """What of it is there before anything runs. ``owner`` names the process."""

    keyring: Keyring
    office: Office
    messenger: Messenger | None
    lease: Lease
    owner: str

    @property
    def message(self) -> Callable[[str], Awaitable[bool]] | None:
        """Writes to the operator, if that is wanted."""
        return None if self.messenger is None else self.messenger.send

    def npub(self) -> str:
        """The key's npub, as it was last seen; empty: there is none."""
        return self.keyring.npub


def build_nostr(
    settings: Settings,
    db: Database,
    node_key: NodeKey,
    clock: Clock,
    session: ClientSession,
    before: Nostr | None = None,
) -> Nostr:
    """Put it together; nothing is loaded or asked. ``session`` is one that is checked."""
    keyring = Keyring(db, node_key, clock, settings.nsec)
    messenger = None
    if settings.alert_npub:
        pool = RelayPool(settings.relays, session, clock)
        messenger = Messenger(
            keyring, pool, settings.alert_npub, allow_insecure=settings.allow_insecure_mints
        )
    owner = secrets.token_hex(_OWNER_BYTES) if before is None else before.owner
    office = Office(db, clock, keyring, settings.relays)
    return Nostr(keyring, office, messenger, Lease(db, clock, owner), owner)


def build_announcer(
    nostr: Nostr,
    settings: Settings,
    db: Database,
    clock: Clock,
    session: ClientSession,
    onion: Callable[[], str],
) -> Announcer:
    """What keeps relays right. ``onion`` tells the node's onion address."""
    pool = RelayPool(settings.relays, session, clock)

    def facts() -> Facts:
        return Facts.of(settings, onion())

    return Announcer(db, clock, nostr.keyring, pool, facts, nostr.lease, settings)


def start_nostr(
    nostr: Nostr,
    settings: Settings,
    process: Process,
    session: ClientSession,
    onion: Callable[[], str],
    supervisor: Supervisor,
) -> None:
    """Begin to announce. ``onion`` tells the node's onion address."""
    db, clock = process.db, process.clock
    told = build_announcer(nostr, settings, db, clock, session, onion)
    supervisor.every("nostr", announcer.TURN_SECONDS, told.run)
    if settings.enable_analytics_sharing:
        sums = Sharing(db, clock, nostr.keyring, nostr.lease, told)
        supervisor.every("nostr_sums", sharing.TURN_SECONDS, sums.run)


class OfficeDesk(NostrDesk):
    """The office, in the words of the operator's pages and API."""

    def __init__(self, office: Office) -> None:
        self._office: Final = office

    async def show(self) -> Shown:
        """How it stands."""
        standing = await self._office.standing()
        report = standing.report
        return Shown(
            npub=standing.npub,
            locked=standing.locked,
            withdrawn=standing.withdrawn,
            stand=_stand(standing.npub, report, withdrawn=standing.withdrawn),
            announced=None if report is None else _announced(report),
            looked_at=None if report is None else report.looked_at,
            relays=_relays(standing.relays, report),
        )

    async def change_key(self, nsec: Secret) -> str:
        """Use another key, or none."""
        try:
            return await self._office.change_key(nsec)
        except InvalidKey as error:
            raise NostrKeyUnfit(f"The key {error}.") from None
        except KeyLocked:
            raise NostrKeyLocked from None

    async def create_key(self) -> str:
        """Make a key."""
        try:
            return await self._office.create_key()
        except KeyLocked:
            raise NostrKeyLocked from None

    async def publish(self) -> None:
        """Be found."""
        await self._office.publish()

    async def withdraw(self) -> None:
        """Be found no more."""
        await self._office.withdraw()


def show_nostr(
    state: State,
    nostr: Nostr,
    settings: Settings,
    process: Process,
    onion: Callable[[], str],
) -> None:
    """Give the operator's routes what they need; those of sessions have it already."""
    state.admin_nostr = OfficeDesk(nostr.office)
    sessions: Sessions = state.admin.sessions
    state.nostr_sign_in = build_sign_in(settings, process.db, process.clock, sessions, onion)


def build_sign_in(
    settings: Settings, db: Database, clock: Clock, sessions: Sessions, onion: Callable[[], str]
) -> NostrSignIn | None:
    """Let the owner of ``ADMIN_NPUB`` sign in, if there is one."""
    if not settings.admin_npub:
        return None

    async def read(text: bytes) -> Claim | None:
        event = parse(text)
        if event is None or event.kind != HTTP_AUTH:
            return None
        if not await asyncio.to_thread(_is_of, event, settings.admin_npub):
            return None
        url, method = (first(event.tags, name) for name in ("u", "method"))
        return Claim(event.id, event.created_at * 1_000, url, method)

    async def spend(event_id: str) -> bool:
        return await db.write(lambda tx: store.spend(tx, event_id, clock.now_ms()))

    def addresses() -> list[str]:
        return [url for url in (settings.http_url, onion()) if url]

    return NostrSignIn(sessions, clock, read, spend, addresses)


def _is_of(event: Event, npub: str) -> bool:
    return event.pubkey == public_key(npub) and is_genuine(event)


def _stand(npub: str, report: Report | None, *, withdrawn: bool) -> str:
    if report is not None and report.stand is Stand.BROKEN_KEY:
        return Stand.BROKEN_KEY
    if not npub:
        return Stand.NO_KEY
    if withdrawn:
        return Stand.WITHDRAWN
    stand = Stand.WAITING if report is None else report.stand
    return Stand.WAITING if stand is Stand.WITHDRAWN else stand


def _announced(report: Report) -> Announced | None:
    event = report.event
    if event is None or not event.values("u"):
        return None
    return Announced(
        id=event.id,
        provider=report.provider,
        created_at=event.created_at * 1_000,
        urls=event.values("u"),
        mints=event.values("mint"),
        content=event.content,
    )


def _relays(urls: tuple[str, ...], report: Report | None) -> tuple[RelayShown, ...]:
    known = {} if report is None else {one.state.url: one for one in report.relays}
    shown = []
    for url in dict.fromkeys((*urls, *known)):
        one = known.get(url)
        if one is None:
            shown.append(RelayShown(url))
        else:
            state = one.state
            shown.append(
                RelayShown(
                    url, one.holds, one.own_list, state.last_ok_ms, state.last_error_ms, state.error
                )
            )
    return tuple(shown)
