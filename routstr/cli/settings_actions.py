"""What ``routstr settings`` does, on the node's database, beside a running node or not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import typer

from routstr.admin.settings.desk import SettingsDesk, Shown
from routstr.assembly.models import check_rules
from routstr.assembly.plugins import open_extensions
from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.clock import SystemClock
from routstr.core.options.effective import Origin
from routstr.core.options.service import Agree, Options
from routstr.core.settings import Settings
from routstr.errors import SettingsInvalid

T = TypeVar("T")


def show(given: Settings, *, everything: bool, json: bool) -> None:
    """Print what is set, or all that there is."""
    groups = _at_desk(given, SettingsDesk.groups)
    shown = [
        one
        for group in groups
        for one in group.settings
        if everything or one.origin is not Origin.DEFAULT or one.problem
    ]
    if json:
        typer.echo(msgspec.json.encode({one.name: _plain(one) for one in shown}))
        return
    table = tables.table()
    for name in ("setting", "value", "from", ""):
        table.add_column(name)
    for one in shown:
        value = one.text.replace("\n", ", ")
        tables.add_row(table, one.variable, value, one.origin.value, one.problem)
    tables.console().print(table)


def get(given: Settings, name: str, *, json: bool) -> None:
    """Print one value."""
    name = _known(name)
    groups = _at_desk(given, SettingsDesk.groups)
    (found,) = (one for group in groups for one in group.settings if one.name == name)
    typer.echo(msgspec.json.encode({name: _plain(found)}) if json else found.text)


def change(given: Settings, name: str, text: str | None, *, json: bool) -> None:
    """Store a value or, for None, forget it."""
    name = _known(name)
    if text is None:
        _at_desk(given, lambda desk: desk.change({name: None}))
        told = f"{name.upper()} has its default again."
    else:
        typed = text
        _at_desk(given, lambda desk: desk.type_in({name: typed}))
        told = f"{name.upper()} is stored; a running node uses it within seconds."
    typer.echo(msgspec.json.encode({"name": name, "stored": text is not None}) if json else told)


def _known(name: str) -> str:
    if name.lower() not in Settings.model_fields:
        fail(f"{name} is no setting: routstr settings list --all names them.", EXIT_USAGE)
    return name.lower()


def _plain(one: Shown) -> dict[str, str | None]:
    return {"value": one.text, "source": one.origin.value, "problem": one.problem or None}


def _at_desk(given: Settings, act: Callable[[SettingsDesk], Awaitable[T]]) -> T:
    read_database(given, lambda _: None)  # there is a database, and none is made

    async def work() -> T:
        brought = open_extensions(given).rules
        async with opened_database(given, existing_key(given)) as db:

            def check(settings: Settings) -> None:
                check_rules(settings, brought)

            options = Options(db, SystemClock(), given, check, _store)
            await options.load()
            return await act(SettingsDesk(options))

    try:
        return asyncio.run(work())
    except SettingsInvalid as error:
        fail(f"Nothing was changed. {error.message}.")
    except PROBLEMS as error:
        fail(f"The settings cannot be read: {explain(error)}.")


async def _store(_settings: Settings, agree: Agree | None) -> None:
    """Nobody serves here: what is stored is used by who does."""
    if agree is not None:
        await agree()
