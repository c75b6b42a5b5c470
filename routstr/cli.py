"""The command line: ``routstr serve``, ``migrate``, ``verify``, ``version``.

Exit codes: 0 well, 1 what was asked for failed or does not hold, 2 wrong usage or configuration.
"""

import gc
import signal
import sys
from math import ceil
from types import FrameType
from typing import Annotated, Final, NoReturn

import msgspec
import typer
import uvicorn
from rich.console import Console
from rich.table import Table

from routstr import __version__
from routstr.core.db import Database, migrate
from routstr.core.db.migrate import UnknownRevision
from routstr.core.settings import Settings, SettingsError, load_settings
from routstr.main import App, create_app
from routstr.payment.audit import Audit, audit

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
_SWITCH_SECONDS: Final = 0.001  # the writer thread else waits up to 5 ms for the interpreter
_GC_THRESHOLDS: Final = (50_000, 50, 50)

cli = typer.Typer(
    help="Bitcoin micropayments in front of any OpenAI-compatible AI API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    cli()


class _Server(uvicorn.Server):
    """Refuses new paid requests as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.drain()
        super().handle_exit(sig, frame)


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (PORT).")] = None,
) -> None:
    """Run the node until it is told to stop (Ctrl-C, SIGTERM)."""
    settings = _settings()
    app = create_app(settings)
    if not run(
        app,
        host=host if host is not None else settings.host,
        port=port if port is not None else settings.port,
    ):
        raise typer.Exit(EXIT_FAILED)


def run(app: App, *, host: str, port: int) -> bool:
    """Serve ``app`` in this process until a signal stops it; false when it could not start."""
    settings = app.settings
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, ceil(settings.drain_seconds)),
        proxy_headers=False,  # the node decides nothing by a client's address
        h11_max_incomplete_event_size=settings.header_bytes_max,
    )
    # uvicorn raises the signal again once it has stopped in good order: that is no failure
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: None)
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    server = _Server(config, app)
    server.run()
    return server.started


@cli.command("migrate")
def migrate_command() -> None:
    """Bring the database to this version's schema."""
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
    outcome = _audit(_settings())
    if json:
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(outcome), "holds": outcome.holds}))
    else:
        _show(outcome)
    if not outcome.holds:
        raise typer.Exit(EXIT_FAILED)


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _audit(settings: Settings) -> Audit:
    import asyncio  # noqa: PLC0415 - of this command only

    async def read() -> Audit:
        db = Database(settings.database_url.reveal())
        db.start()
        try:
            return await db.read(audit)
        finally:
            await db.stop()

    return asyncio.run(read())


def _show(outcome: Audit) -> None:
    console = Console()
    table = Table(title="Books", title_justify="left")
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


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        _fail(str(error), EXIT_USAGE)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)
