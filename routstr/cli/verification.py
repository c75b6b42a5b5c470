"""``routstr verify``: the books recomputed, for people or as JSON.

The outcome is remembered as the node's own verifications are: broken books close deposits, on a
running node too, and a full verification that holds opens them again.
"""

import asyncio

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from routstr.assembly.storage import made_with
from routstr.cli import tables, verification_mints
from routstr.cli.reading import PROBLEMS, explain
from routstr.cli.shell import fail
from routstr.core.clock import SystemClock
from routstr.core.db import Database, migrate
from routstr.core.node_key import NodeKey, load_node_key
from routstr.core.settings import Settings
from routstr.ledger import seals, verdict
from routstr.payment.audit import Audit
from routstr.payment.verifier import Verified, Verifier


class Quiet:
    """No alarm: whoever called the command reads the outcome."""

    def raised(self, name: str, **facts: object) -> None:
        """Say nothing."""

    def cleared(self, name: str, **facts: object) -> None:
        """Say nothing."""


def run(settings: Settings, *, full: bool, rebase: bool, json: bool, mints: bool = False) -> bool:
    """Print the outcome; true when every equation holds, and the mints agree if they are asked."""
    url = settings.database_url.reveal()
    try:
        migrate.require_current(url)
        outcome = asyncio.run(
            verify(url, full=full or rebase, rebase=rebase, key=_key_if_here(settings))
        )
        answers = asyncio.run(verification_mints.ask(settings)) if mints else []
    except PROBLEMS as error:
        fail(f"The books cannot be verified: {explain(error)}.")
    found = outcome.audit
    if json:
        told = {"holds": found.holds, "deposits_open": outcome.deposits_open}
        asked = {"mints": answers} if mints else {}
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(found), **told, **asked}))
    else:
        _show(found, deposits_open=outcome.deposits_open)
        if mints:
            verification_mints.show(answers, tables.console())
    return found.holds and all(answered.agrees for answered in answers)


async def verify(
    url: str, *, full: bool = True, rebase: bool = False, key: NodeKey | None = None
) -> Verified:
    """Recompute the books of a database beside its nodes; the outcome is remembered there.

    ``key``: with which it was made, if it is at hand; another one is not used.
    """
    db = Database(url)
    db.start()
    try:
        if rebase:
            await db.write(verdict.forget)
        ours = key is not None and await db.read(lambda c: made_with(c, key))
        seal_key = key.derive(seals.PURPOSE) if key is not None and ours else None
        return await Verifier(db, SystemClock(), Quiet(), seal_key=seal_key).run(full=full)
    finally:
        await db.stop()


def _key_if_here(settings: Settings) -> NodeKey | None:
    """The node's key, where the command runs with it; none is made."""
    here = bool(settings.routstr_secret_key) or settings.routstr_secret_key_file.exists()
    return load_node_key(settings) if here else None


def _show(outcome: Audit, *, deposits_open: bool) -> None:
    console = Console()
    table = Table(title="Books" if outcome.full else "Books, what is new", title_justify="left")
    table.add_column("equation")
    table.add_column("holds")
    for check in outcome.checks:
        table.add_row(check.name, "yes" if check.holds else "NO: " + "; ".join(check.problems))
    console.print(table)
    ecash = Table(title="Ecash", title_justify="left")
    for column in ("mint", "unit", "liquid", "reserved", "given out"):
        ecash.add_column(column)
    for h in outcome.holdings:
        ecash.add_row(h.mint, h.unit, str(h.liquid), str(h.reserved), str(h.issued))
    console.print(ecash)
    surplus = outcome.assets - outcome.owed
    console.print(f"held {outcome.assets} msat, owed {outcome.owed} msat, yours {surplus} msat")
    if not deposits_open:
        console.print("Deposits are closed until everything holds: `routstr verify` opens them.")
