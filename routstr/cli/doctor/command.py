"""``routstr doctor`` from its options to what it prints."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from routstr.cli import tables
from routstr.cli.doctor.examination import Examined, examine
from routstr.cli.doctor.findings import Finding, State, fault
from routstr.cli.doctor.patient import Ports
from routstr.core.settings import Settings, SettingsError, load_settings

_SIGNS: Final = {
    State.WELL: ("ok", "green"),
    State.SKIPPED: ("-", "dim"),
    State.WARNING: ("warning", "yellow"),
    State.FAULT: ("FAULT", "bold red"),
}
_ENVIRONMENT: Final = (
    "Correct it in the environment or in .env; routstr settings list --all names all of them."
)


def run(*, json: bool, mints: bool, ports: Ports | None = None) -> bool:
    """Print what was found; true when nothing is a fault."""
    try:
        settings = _settings()
    except SettingsError as error:
        lines = str(error).splitlines()
        found = [Examined("settings", fault(_what(one), one, _ENVIRONMENT)) for one in lines]
    else:
        found = _examined(settings, ports or Ports(), mints=mints)
    if json:
        typer.echo(msgspec.json.encode([_plain(one) for one in found]))
    else:
        _show(found, tables.console())
    return not any(one.is_fault for one in found)


def _settings() -> Settings:
    """What holds for the node, what is stored included."""
    from routstr.cli.stored import with_stored  # noqa: PLC0415 - only when the environment fits

    return with_stored(load_settings())


def _examined(settings: Settings, ports: Ports, *, mints: bool) -> list[Examined]:
    logging.getLogger().addHandler(logging.NullHandler())  # what it finds it tells itself
    with Console(stderr=True).status("Looking") as status:
        return asyncio.run(
            examine(
                settings,
                ports,
                ask_mints=mints,
                tell=lambda what: status.update(Text(f"Looking at {what}")),
            )
        )


def _what(line: str) -> str:
    return f"{line.partition(':')[0]} does not fit"


def _plain(one: Examined) -> dict[str, str]:
    told: dict[str, str] = msgspec.to_builtins(one.finding)
    return {"check": one.check, **told}


def _show(found: Sequence[Examined], console: Console) -> None:
    for one in found:
        sign, style = _SIGNS[one.finding.state]
        head = Text.assemble((f"{sign:>7}", style), f"  {one.check}: {one.finding.what}")
        console.print(head, soft_wrap=True)
        for line in _lines(one.finding):
            console.print(Text(f"{'':>9}{line}"), soft_wrap=True)
    faults = sum(one.is_fault for one in found)
    warnings = sum(one.finding.state is State.WARNING for one in found)
    console.print(f"\n{faults} faults, {warnings} warnings.")


def _lines(finding: Finding) -> list[str]:
    told = [f"because {finding.cause}"] if finding.cause else []
    return [*told, f"remedy: {finding.remedy}"] if finding.remedy else told
