"""``routstr keys list`` and ``show``: read beside a running node or not; nothing is changed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import typer

from routstr.admin.keys.desk import KeyDesk
from routstr.admin.keys.schemas import KeyDetail, KeyInfo
from routstr.auth.key_lists import Which
from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import fail
from routstr.core.clock import SystemClock
from routstr.core.settings import Settings

T = TypeVar("T")


def page(
    settings: Settings, which: str, search: str, before: int | None, limit: int, *, json: bool
) -> None:
    """Print a page of keys; ``which`` is a value of ``Which``."""
    found = _at_desk(settings, lambda desk: desk.page(Which(which), search, before, limit))
    if json:
        typer.echo(found.model_dump_json())
        return
    table = tables.table()
    for name in ("key", "name", "state"):
        table.add_column(name)
    for name in ("available msat", "held", "spent"):
        table.add_column(name, justify="right")
    for key in found.keys:
        amounts = (key.balance, key.reserved, key.total_spent)
        tables.add_row(table, key.id, key.name or "", key.state, *(f"{one:,}" for one in amounts))
    tables.console().print(table)
    if found.next_before is not None:
        typer.echo(f"More: --before {found.next_before}")


def one(settings: Settings, key: str, *, json: bool) -> None:
    """Print one key."""
    show(_at_desk(settings, lambda desk: desk.one(key)), json=json)


def show(key: KeyDetail, *, json: bool) -> None:
    """Print all about a key."""
    if json:
        typer.echo(key.model_dump_json())
        return
    table = tables.table()
    table.add_column("key")
    table.add_column(key.id, overflow="fold")
    for name, value in _facts(key):
        tables.add_row(table, name, value)
    tables.console().print(table)


def _facts(key: KeyDetail) -> list[tuple[str, str]]:
    facts = [
        ("name", key.name or ""),
        ("note", key.note or ""),
        ("state", key.state),
        ("available", tables.amount(key.balance, "msat")),
        ("held", tables.amount(key.reserved, "msat")),
        ("spent", f"{tables.amount(key.total_spent, 'msat')} in {key.total_requests:,} requests"),
        ("limit", _limit(key)),
        ("made", _time(key.created_at)),
        ("expires", _time(key.expires_at)),
        ("child of", key.parent or ""),
        ("children", ", ".join(one.id for one in key.children)),
        ("tokens out", str(len(key.tokens)) if key.tokens else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _limit(key: KeyInfo) -> str:
    if key.limit is None or key.limit.cap is None:
        return ""
    again = f", begins anew {key.limit.reset}" if key.limit.reset else ""
    return f"{key.limit.spent:,} of {tables.amount(key.limit.cap, 'msat')} spent{again}"


def _time(seconds: int | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(" ")


def _at_desk(settings: Settings, act: Callable[[KeyDesk], Awaitable[T]]) -> T:
    read_database(settings, lambda _: None)  # there is a database, and none is made

    async def work() -> T:
        async with opened_database(settings, existing_key(settings)) as db:
            return await act(KeyDesk(db, SystemClock()))

    try:
        return asyncio.run(work())
    except PROBLEMS as error:
        fail(f"The keys cannot be read: {explain(error)}.")
