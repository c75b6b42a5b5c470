"""``routstr wallet invoices``: Lightning invoices that wait for a payment, or for the operator.

Nodes ask about them by themselves, at mints in ``CASHU_MINTS``. ``--ask`` asks now, once, and also
mints that are not listed any more: an invoice that was paid there is money of a customer, and only
the operator may order that contact. A paid invoice is credited as a node would.
"""

import asyncio

import msgspec
import typer
from rich.console import Console

from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database, opened_wallet
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import fail
from routstr.core.addresses import check_mint_url
from routstr.core.clock import SystemClock
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.errors import RoutstrError
from routstr.wallet.models import QuoteState
from routstr.wallet.quote_overview import Ordered, orders, unsettled

_ASKABLE = frozenset({QuoteState.UNPAID, QuoteState.EXPIRED})


def run(settings: Settings, *, newest: bool, ask: bool, limit: int, json: bool) -> None:
    """Print the invoices, asked about before if that is wanted."""
    found = read_database(settings, lambda c: unsettled(c, limit, newest=newest))
    problems: dict[int, str] = {}
    if waiting := [one for one in found if ask and one.state in _ASKABLE]:
        try:
            problems = asyncio.run(_ask(settings, existing_key(settings), waiting))
        except PROBLEMS as error:
            fail(f"The mints cannot be asked: {explain(error)}.")
        ids = [one.id for one in found]
        found = read_database(settings, lambda c: orders(c, ids))
    listed = frozenset(settings.cashu_mints)
    if json:
        invoices = [_plain(one, listed, problems) for one in found]
        typer.echo(msgspec.json.encode({"invoices": invoices}))
    else:
        show(found, listed, problems, tables.console())


async def _ask(settings: Settings, key: NodeKey, waiting: list[Ordered]) -> dict[int, str]:
    """Ask about each; return why that failed, by quote."""
    mints = {one.mint for one in waiting} - set(settings.cashu_mints)
    unlisted = tuple(sorted(mint for mint in mints if not _refusal(settings, mint)))
    problems: dict[int, str] = {}
    async with (
        opened_database(settings, key) as db,
        opened_wallet(settings, db, key, unlisted=unlisted) as wallet,
    ):
        for one in waiting:
            try:
                await wallet.check_quote(one.id)
            except RoutstrError as error:
                problems[one.id] = _refusal(settings, one.mint) or explain(error)
    return problems


def _refusal(settings: Settings, mint: str) -> str:
    """Why a mint must not be contacted, wherever its URL comes from; empty when it may be."""
    try:
        check_mint_url(mint, allow_insecure=settings.allow_insecure_mints)
    except ValueError as error:
        return f"its address {error}"
    return ""


def show(
    found: list[Ordered], listed: frozenset[str], problems: dict[int, str], console: Console
) -> None:
    """Print a table with two lines or more for each invoice."""
    if not found:
        console.print("No invoice waits.")
        return
    now_ms = SystemClock().now_ms()
    table = tables.table()
    table.add_column("invoice", justify="right")
    for name in ("amount", "state", "expires"):
        table.add_column(name, no_wrap=True)
    table.add_column("mint, problem", overflow="fold")
    for one in found:
        notes = [problems[one.id]] if one.id in problems else []
        if one.mint not in listed and one.state in _ASKABLE:
            notes.append("not in CASHU_MINTS: nodes leave it to --ask")
        if one.state is QuoteState.LOST:
            notes.append("the mint says that somebody else took the ecash")
        late = now_ms - one.expires_at
        tables.add_row(
            table,
            str(one.id),
            f"{tables.amount(one.amount, one.unit)}\n{one.purpose}",
            f"{one.state.name.lower()}\n{tables.age(now_ms - one.created_at)}",
            f"{tables.age(late)} ago" if late > 0 else f"in {tables.age(-late)}",
            "\n".join([one.mint, *notes]),
        )
    console.print(table)


def _plain(one: Ordered, listed: frozenset[str], problems: dict[int, str]) -> dict[str, object]:
    return {
        **msgspec.to_builtins(one),
        "state": one.state.name.lower(),
        "listed": one.mint in listed,
        "problem": problems.get(one.id),
    }
