"""``routstr import``: what would be taken over, and with ``--apply`` the taking."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec
import typer
from msgspec import Struct
from rich.progress import Progress

from routstr.assembly.plugins import open_extensions
from routstr.assembly.providers import build_providers
from routstr.cli import tables
from routstr.cli.backup.progress import bar
from routstr.cli.importing import source
from routstr.cli.importing.keys import Fate, Taken, Taking
from routstr.cli.importing.source import OldKey, OldProvider, Source
from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.addresses import normalise_mint_url
from routstr.core.clock import SystemClock
from routstr.core.settings import Settings
from routstr.errors import ProviderExists, ProviderInvalid, SurplusTooSmall
from routstr.payment.surplus import surplus
from routstr.upstream.description import Description


class ProviderTaken(Struct, frozen=True):
    """A provider; ``problem`` says why it was left out."""

    slug: str
    problem: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """What was, or would be, done. Amounts in msat; ``own`` is what is the operator's here."""

    applied: bool
    keys: list[Taken]
    providers: list[ProviderTaken]
    left_out: list[str]
    needed: int
    own: int
    problem: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.problem


def run(settings: Settings, file: Path, mint: str | None, *, apply: bool, json: bool) -> bool:
    """Look or take over, print what came of it; true when nothing stands in the way."""
    read_database(settings, lambda _: None)  # there is a database, and none is made
    where = mint or settings.primary_mint_url
    if not where:
        fail("Say where refunds go first: --mint, or CASHU_MINTS.", EXIT_USAGE)
    try:
        found = source.read(file)
        report = asyncio.run(_run(settings, found, normalise_mint_url(where), apply=apply))
    except PROBLEMS as error:
        fail(f"{file} cannot be imported: {explain(error)}.")
    if json:
        typer.echo(
            msgspec.json.encode({**msgspec.to_builtins(report), "complete": report.complete})
        )
    else:
        _show(report)
    return report.complete


async def _run(settings: Settings, found: Source, mint: str, *, apply: bool) -> Report:
    key, clock = existing_key(settings), SystemClock()
    async with opened_database(settings, key) as db:
        taking = Taking(db, key, clock, mint)
        own = int(await db.read(surplus))
        new = [one for one in found.keys if not await taking.known(one)]
        needed = sum(one.balance for one in new if not one.parent)
        problem = _uncovered(needed, own)
        adapters = open_extensions(settings).adapters
        providers = build_providers(settings, db, key, clock, adapters)
        if problem or not apply:
            would = {one.secret for one in new}
            keys = [_would(taking, one, is_new=one.secret in would) for one in found.keys]
            named = [await _tried(one, providers.check) for one in found.providers]
        else:
            with bar() as progress:
                keys, problem = await _take(taking, found.keys, progress)
            named = [await _tried(one, providers.add) for one in found.providers]
    return Report(
        applied=apply and not problem,
        keys=keys,
        providers=named,
        left_out=found.left_out,
        needed=needed,
        own=own,
        problem=problem,
    )


def _uncovered(needed: int, own: int) -> str:
    """Why the balances cannot be taken over; empty when they can."""
    if needed <= own:
        return ""
    return (
        f"{needed:,} msat would be owed, and {own:,} msat here are yours: bring tokens of "
        f"{needed - own:,} msat along first, with routstr wallet import"
    )


async def _take(taking: Taking, keys: list[OldKey], progress: Progress) -> tuple[list[Taken], str]:
    """Parents first; stops when the operator's own money does."""
    task = progress.add_task("Taking over", total=len(keys))
    taken: list[Taken] = []
    for one in sorted(keys, key=lambda key: bool(key.parent)):
        try:
            taken.append(await taking.take(one, keys))
        except SurplusTooSmall as error:
            return taken, f"it stopped at key {taking.id_of(one)}: {explain(error)}"
        progress.advance(task)
    return taken, ""


async def _tried(
    old: OldProvider, act: Callable[[Description], Awaitable[object]]
) -> ProviderTaken:
    try:
        await act(
            Description(
                slug=old.slug,
                kind=old.kind,
                base_url=old.base_url,
                keys=(old.key,) if old.key else (),
                enabled=old.enabled,
                fee=_fee(old.fee),
            )
        )
    except (ProviderInvalid, ProviderExists) as error:
        return ProviderTaken(old.slug, explain(error))
    return ProviderTaken(old.slug)


def _fee(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


def _would(taking: Taking, old: OldKey, *, is_new: bool) -> Taken:
    balance = old.balance if is_new and not old.parent else 0
    return Taken(taking.id_of(old), Fate.TAKEN if is_new else Fate.KNOWN, balance)


def _show(report: Report) -> None:
    say = "was" if report.applied else "would be"
    for fate in Fate:
        of_it = [one for one in report.keys if one.fate is fate]
        if of_it:
            typer.echo(f"{len(of_it):,} keys: {fate}")
    credited = tables.amount(sum(one.balance for one in report.keys), "msat")
    typer.echo(f"{credited} {say} credited; {tables.amount(report.own, 'msat')} were yours before.")
    for provider in report.providers:
        typer.echo(f"provider {provider.slug}: {provider.problem or f'{say} added'}")
    for words in report.left_out:
        typer.echo(f"left out: {words}")
    if report.problem:
        typer.echo(f"Not imported: {report.problem}.", err=True)
    elif not report.applied:
        typer.echo("Nothing was changed: --apply does it.")
