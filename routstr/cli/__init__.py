"""The command line: ``routstr serve``, ``migrate``, ``verify``, ``version``.

Exit codes: 0 well, 1 what was asked for failed or does not hold, 2 wrong usage or configuration.
"""

from typing import Annotated, Final, NoReturn

import typer

from routstr.core.settings import Settings, SettingsError, load_settings
from routstr.version import __version__

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
cli = typer.Typer(
    help="Bitcoin micropayments in front of any OpenAI-compatible AI API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    cli()


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (PORT).")] = None,
) -> None:
    """Run the node until it is told to stop (Ctrl-C, SIGTERM)."""
    from routstr.cli import server  # noqa: PLC0415 - each command imports only what it needs

    if not server.run(_settings(), host, port):
        raise typer.Exit(EXIT_FAILED)


@cli.command("migrate")
def migrate_command() -> None:
    """Bring the database to this version's schema."""
    from routstr.core.db import migrate  # noqa: PLC0415
    from routstr.core.db.migrate import UnknownRevision  # noqa: PLC0415

    try:
        revision = migrate.upgrade(_settings().database_url.reveal())
    except UnknownRevision as error:
        _fail(str(error), EXIT_FAILED)
    typer.echo(f"The database is at revision {revision}.")


@cli.command()
def verify(
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Prove that the books balance: recompute everything and compare."""
    from routstr.cli import verification  # noqa: PLC0415

    if not verification.run(_settings(), json=json):
        raise typer.Exit(EXIT_FAILED)


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        _fail(str(error), EXIT_USAGE)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)
