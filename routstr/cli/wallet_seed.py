"""``routstr wallet seed``: the wallet's twelve words, shown once, to a terminal."""

import asyncio
import sys

import typer

from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.clock import SystemClock
from routstr.core.settings import Settings
from routstr.wallet import seed

_WARNING = """\
These twelve words are the wallet: whoever has them can take all of its ecash.
Write them down on paper, keep them where nobody else looks, and photograph them nowhere.
With them and the list of mints, `routstr wallet restore --seed` brings the ecash back."""


def run(settings: Settings, *, force: bool, yes: bool) -> None:
    """Show the words after a confirmation, and remember that they were shown."""
    read_database(settings, lambda _: None)  # there is a database, and none is made
    try:
        words, shown = asyncio.run(_read(settings))
    except PROBLEMS as error:
        fail(f"The words cannot be read: {explain(error)}.")
    if words is None:
        fail("There is no wallet yet: start the node once, or restore one.")
    if shown and not force:
        fail("The words were shown before. --force shows them again.")
    typer.echo(_WARNING, err=True)
    if not yes:
        if not sys.stdin.isatty():
            fail("This is no terminal. --yes shows the words without a question.", EXIT_USAGE)
        typer.confirm("Show them now?", abort=True, err=True)
    typer.echo(words)
    asyncio.run(_note(settings))


async def _read(settings: Settings) -> tuple[str | None, bool]:
    key = existing_key(settings)
    async with opened_database(settings, key) as db:
        return await db.write(lambda tx: (seed.stored_words(tx, key), seed.were_shown(tx)))


async def _note(settings: Settings) -> None:
    async with opened_database(settings, existing_key(settings)) as db:
        await db.write(lambda tx: seed.note_shown(tx, SystemClock().now_ms()))
