"""What ``routstr nostr`` does: beside a running node, which then publishes, or in its place."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
import typer

from routstr.admin.nostr.desk import NostrDesk, Shown
from routstr.assembly.nostr import OfficeDesk, build_announcer, build_nostr
from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import EXIT_FAILED, fail
from routstr.core.clock import SystemClock
from routstr.core.http import outgoing_session
from routstr.core.onion import OnionAddress
from routstr.core.settings import Settings
from routstr.discovery.announcer import Announcer

WAIT_SECONDS: Final = 90.0
"""Longer than a node that has just gone is waited for."""
_TURN_SECONDS: Final = 0.5
Act = Callable[[NostrDesk], Awaitable[None]]


def show(settings: Settings, *, json: bool) -> None:
    """Print how it stands."""
    _tell(_at_desk(settings, None), json=json)


def publish(settings: Settings, *, json: bool) -> None:
    """Announce, wait until relays have answered, print what became of it."""
    shown = _at_desk(settings, lambda desk: desk.publish())
    _tell(shown, json=json)
    if shown.stand != "announced":
        raise typer.Exit(EXIT_FAILED)


def withdraw(settings: Settings, *, json: bool) -> None:
    """Withdraw, wait until relays have answered, print what became of it."""
    shown = _at_desk(settings, lambda desk: desk.withdraw())
    _tell(shown, json=json)
    if not any(one.last_ok for one in shown.relays):
        raise typer.Exit(EXIT_FAILED)


def _at_desk(settings: Settings, act: Act | None) -> Shown:
    read_database(settings, lambda _: None)  # there is a database, and none is made
    try:
        return asyncio.run(_work(settings, act))
    except PROBLEMS as error:
        fail(f"Nostr cannot be used: {explain(error)}.")


async def _work(settings: Settings, act: Act | None) -> Shown:
    key, clock = existing_key(settings), SystemClock()
    local = settings.allow_insecure_mints
    async with (
        opened_database(settings, key) as db,
        outgoing_session(settings, allow_loopback=local) as session,
    ):
        nostr = build_nostr(settings, db, key, clock, session)
        desk = OfficeDesk(nostr.office)
        if act is None or not (await desk.show()).npub:
            return await desk.show()
        onion = OnionAddress(settings, clock)
        announcer = build_announcer(nostr, settings, db, clock, session, onion.url)
        began = clock.now_ms()
        await act(desk)
        return await _follow(desk, announcer, began)


async def _follow(desk: NostrDesk, announcer: Announcer, began: int) -> Shown:
    """Publish, or see how the running node does, until every relay was asked."""
    loop = asyncio.get_running_loop()
    until = loop.time() + WAIT_SECONDS
    while True:
        await announcer.run()
        shown = await desk.show()
        asked = shown.looked_at is not None and shown.looked_at >= began
        idle = shown.stand in {"no_address", "no_relay", "broken_key"}
        if idle or (asked and all(one.holds or one.error for one in shown.relays)):
            return shown
        if asked and shown.announced is None and announcer.outbox.empty:
            return shown
        if loop.time() > until:
            return shown
        await asyncio.sleep(_TURN_SECONDS)


def _tell(shown: Shown, *, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode(shown).decode())
        return
    if not shown.npub:
        typer.echo("The node has no key on Nostr: set NSEC, or make one on the page /admin/nostr.")
        return
    typer.echo(f"{shown.npub}: {shown.stand.replace('_', ' ')}")
    if shown.stand == "no_address":
        typer.echo("Nothing is announced: set HTTP_URL or ONION_URL, which others can reach.")
    table = tables.table()
    for name in ("relay", "has it", "last success", "last failure", ""):
        table.add_column(name)
    for one in shown.relays:
        has = "yes" if one.holds else "no"
        tables.add_row(table, one.url, has, _when(one.last_ok), _when(one.last_error), one.error)
    tables.console().print(table)


def _when(ms: int | None) -> str:
    if ms is None:
        return "-"
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
