"""``routstr admin``: the operator's way back in, for whoever has the machine."""

from pathlib import Path
from typing import Annotated

import typer

from routstr.cli.shell import JsonFlag, environment_or_exit

commands = typer.Typer(help="The operator's access.", no_args_is_help=True)


@commands.callback()
def group() -> None:
    """The operator's access."""


@commands.command("reset-password")
def reset_password(
    password_file: Annotated[
        Path | None, typer.Option(help="File with the new password, for use without a terminal.")
    ] = None,
    json: JsonFlag = False,  # noqa: FBT002 - a flag
) -> None:
    """Set a new password without the old one. All sessions end; programs' tokens stay."""
    from routstr.cli import admin_actions  # noqa: PLC0415 - each command imports what it needs

    admin_actions.reset_password(environment_or_exit(), password_file, json=json)
