"""``routstr admin reset-password``: whoever can read the secret key and the database may."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import msgspec
import typer

from routstr.admin.passwords import Passwords
from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.cli.stored import with_stored
from routstr.core.clock import SystemClock
from routstr.core.secret import Secret
from routstr.core.settings import Settings

_CHARS_MAX: Final = 10_000


def reset_password(given: Settings, file: Path | None, *, json: bool) -> None:
    """Ask for the new password, store it, and end all sessions."""
    read_database(given, lambda _: None)  # there is a database, and none is made
    settings = with_stored(given)
    if settings.admin_password:
        fail("ADMIN_PASSWORD sets the password: change it there.", EXIT_USAGE)
    password = _ask(file)
    try:
        ended = asyncio.run(_reset(settings, password))
    except PROBLEMS as error:
        fail(f"The password stays as it is: {explain(error)}.")
    if json:
        typer.echo(msgspec.json.encode({"sessions_ended": ended}))
    else:
        typer.echo(f"The new password holds at once. Sessions ended: {ended}.")


async def _reset(settings: Settings, password: Secret) -> int:
    key = existing_key(settings)
    async with opened_database(settings, key) as db:
        return await Passwords(db, key, SystemClock(), Secret()).reset(password)


def _ask(file: Path | None) -> Secret:
    if file is not None:
        try:
            return Secret(file.read_text("utf-8")[:_CHARS_MAX].strip("\r\n"))
        except (OSError, UnicodeDecodeError):
            fail(f"The password cannot be read from {file}.")
    if not sys.stdin.isatty():
        fail("This is no terminal: --password-file names a file with it.", EXIT_USAGE)
    return Secret(typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
