"""What ``routstr providers`` does, on the node's database, beside a running node or not."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import typer
from msgspec import UNSET, UnsetType

from routstr.assembly.plugins import adapters_of
from routstr.assembly.providers import build_providers, provider_of_settings
from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.clock import SystemClock
from routstr.core.plugins import PluginError, load_plugins
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.upstream.adapters.base import Adapter
from routstr.upstream.description import Description
from routstr.upstream.provider import Profile
from routstr.upstream.service import Providers, StoredProvider

T = TypeVar("T")

_KEY_BYTES_MAX: Final = 1 << 20


def show(settings: Settings, *, json: bool) -> None:
    """Print every provider; keys are counted, never shown."""
    own = provider_of_settings(settings, _adapters(settings))
    stored = _on_database(settings, lambda providers: providers.every(), "The list cannot be read")
    if json:
        told = [_plain_own(one, settings) for one in own] + [
            _plain(one, settings) for one in stored
        ]
        typer.echo(msgspec.json.encode(told))
        return
    table = tables.table()
    for name in ("id", "slug", "type", "address", "keys", "fee", "priority", ""):
        table.add_column(name)
    for each in own:
        tables.add_row(table, *_cells(_plain_own(each, settings)), "settings")
    for one in stored:
        tables.add_row(table, *_cells(_plain(one, settings)), "" if one.enabled else "disabled")
    if not own and not stored:
        typer.echo("No provider yet: routstr providers add TYPE, or UPSTREAM_BASE_URL.")
        return
    tables.console().print(table)


def add(settings: Settings, wanted: Description, *, json: bool) -> None:
    """Store a provider."""
    made = _on_database(settings, lambda providers: providers.add(wanted), "Nothing was added")
    _tell(settings, made, "Added", json=json)


def edit(settings: Settings, which: str, wanted: Description, *, json: bool) -> None:
    """Change a provider."""
    if wanted == Description():
        fail("Say what is to change, for example --priority.", EXIT_USAGE)
    made = _on_database(
        settings, lambda providers: providers.edit(which, wanted), "Nothing was changed"
    )
    _tell(settings, made, "Changed", json=json)


def switch(settings: Settings, which: str, *, on: bool, json: bool) -> None:
    """Let a provider serve, or not."""
    wanted = Description(enabled=on)
    made = _on_database(
        settings, lambda providers: providers.edit(which, wanted), "Nothing was changed"
    )
    _tell(settings, made, "Enabled" if on else "Disabled", json=json)


def remove(settings: Settings, which: str, *, json: bool) -> None:
    """Forget a provider."""
    gone = _on_database(settings, lambda providers: providers.remove(which), "Nothing was removed")
    _tell(settings, gone, "Removed", json=json)


def wanted(
    *,
    slug: str | None,
    kind: str | None,
    url: str | None,
    keys: tuple[Secret, ...] | UnsetType,
    fee: Decimal | None,
    priority: int | None,
    own: Sequence[str] | None,
) -> Description:
    """What the options say; what they do not say stays as it is."""
    return Description(
        slug=UNSET if slug is None else slug,
        kind=UNSET if kind is None else kind,
        base_url=UNSET if url is None else url,
        keys=keys,
        fee=UNSET if fee is None else fee,
        priority=UNSET if priority is None else priority,
        options=UNSET if own is None else dict(map(_setting, own)),
    )


def read_keys(file: Path | None, *, none: bool, ask: bool) -> tuple[Secret, ...] | UnsetType:
    """The keys, from a file, standard input or whoever sits at the terminal."""
    if none:
        return ()
    if file is None:
        if not ask:
            return UNSET
        if not sys.stdin.isatty():
            fail("This is no terminal: --key-file names a file with the key.", EXIT_USAGE)
        return (Secret(typer.prompt("API key", hide_input=True, err=True)),)
    try:
        text = sys.stdin.read(_KEY_BYTES_MAX) if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        fail(f"The keys cannot be read from {file}.")
    return tuple(Secret(line.strip()) for line in text.splitlines() if line.strip())


def _setting(text: str) -> tuple[str, object]:
    """``name=value``; a number is one."""
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        fail(f"--set {text!r}: say it as name=value.", EXIT_USAGE)
    plain = value.strip()
    whole, _, places = plain.partition(".")
    number = whole.isascii() and whole.isdecimal() and (not places or places.isdecimal())
    is_number = number and name.strip().endswith("_seconds")
    return name.strip(), float(plain) if is_number else plain


def _on_database(settings: Settings, act: Callable[[Providers], Awaitable[T]], otherwise: str) -> T:
    read_database(settings, lambda _: None)  # there is a database, and none is made
    adapters = _adapters(settings)

    async def work() -> T:
        key = existing_key(settings)
        async with opened_database(settings, key) as db:
            return await act(build_providers(settings, db, key, SystemClock(), adapters))

    try:
        return asyncio.run(work())
    except PROBLEMS as error:
        fail(f"{otherwise}: {explain(error)}.")


def _adapters(settings: Settings) -> Mapping[str, Adapter]:
    try:
        return adapters_of(load_plugins(settings.plugins))
    except PluginError as error:
        fail(f"{error}.")


def _tell(settings: Settings, one: StoredProvider, did: str, *, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode(_plain(one, settings)))
        return
    keys = f"{len(one.keys)} key{'' if len(one.keys) == 1 else 's'}"
    typer.echo(f"{did} {one.slug} ({one.adapter.title}) at {one.base_url}, {keys}.")


def _plain(one: StoredProvider, settings: Settings) -> dict[str, object]:
    fee = one.fee or settings.upstream_provider_fee
    return {
        "id": one.id,
        "slug": one.slug,
        "provider_type": one.adapter.name,
        "base_url": one.base_url,
        "keys": len(one.keys),
        "provider_fee": format(fee, "f"),
        "priority": one.priority,
        "enabled": one.enabled,
        "provider_settings": dict(one.options),
        "locked": False,
    }


def _plain_own(one: Profile, settings: Settings) -> dict[str, object]:
    return {
        "id": one.id,
        "slug": one.name,
        "provider_type": one.adapter.name,
        "base_url": one.base_url,
        "keys": len(one.keys),
        "provider_fee": format(settings.upstream_provider_fee, "f"),
        "priority": one.priority,
        "enabled": True,
        "provider_settings": {},
        "locked": True,
    }


def _cells(told: dict[str, object]) -> tuple[str, ...]:
    names = ("id", "slug", "provider_type", "base_url", "keys", "provider_fee", "priority")
    return tuple(str(told[name]) for name in names)
