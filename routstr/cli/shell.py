"""How commands meet the shell: settings, exit codes, last words. Imports little."""

from typing import Annotated, Final, NoReturn, TypeAlias

import typer

from routstr.core.settings import Settings, SettingsError, load_settings

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
JsonFlag: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def fail(message: str, code: int = EXIT_FAILED) -> NoReturn:
    """End the command with its last words on standard error."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def settings_or_exit() -> Settings:
    """The node's settings, stored ones included; a wrong one is wrong usage."""
    from routstr.cli.stored import with_stored  # noqa: PLC0415 - only for who needs a database

    return with_stored(environment_or_exit())


def environment_or_exit() -> Settings:
    """What the environment sets; a wrong one is wrong usage."""
    try:
        return load_settings()
    except SettingsError as error:
        fail(str(error), EXIT_USAGE)
