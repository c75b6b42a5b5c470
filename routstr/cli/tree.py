"""All commands of the command line, as a tree; each imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from routstr.cli.admin import commands as admin_commands
from routstr.cli.archive import commands as archive_commands
from routstr.cli.keys import commands as key_commands
from routstr.cli.liabilities import commands as liability_commands
from routstr.cli.models import commands as model_commands
from routstr.cli.nostr import commands as nostr_commands
from routstr.cli.pay import MOST_SAT, MostSat, Purse
from routstr.cli.pay import commands as pay_commands
from routstr.cli.providers import commands as provider_commands
from routstr.cli.receipt import commands as receipt_commands
from routstr.cli.settings import commands as settings_commands
from routstr.cli.shell import EXIT_FAILED, JsonFlag, environment_or_exit, fail, settings_or_exit
from routstr.cli.wallet import PassphraseFile
from routstr.cli.wallet import commands as wallet_commands
from routstr.version import __version__

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
cli.add_typer(wallet_commands, name="wallet")
cli.add_typer(provider_commands, name="providers")
cli.add_typer(settings_commands, name="settings")
cli.add_typer(key_commands, name="keys")
cli.add_typer(model_commands, name="models")
cli.add_typer(admin_commands, name="admin")
cli.add_typer(pay_commands, name="pay")
cli.add_typer(nostr_commands, name="nostr")
cli.add_typer(receipt_commands, name="receipt")
cli.add_typer(liability_commands, name="liabilities")
cli.add_typer(archive_commands, name="archive")


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - how typer calls it
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@cli.callback()
def common(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_tell_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Bitcoin micropayments in front of any OpenAI-compatible AI API."""


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (PORT).")] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="How many processes share the address.")
    ] = 1,
) -> None:
    """Run the node until it is told to stop (Ctrl-C, SIGTERM)."""
    from routstr.cli import serving  # noqa: PLC0415 - each command imports only what it needs

    raise typer.Exit(serving.serve(serving.Address(host, port, workers)))


@cli.command()
def demo(
    *, once: Annotated[bool, typer.Option("--once", help="End after one round.")] = False
) -> None:
    """Show a paid chat with real parts on this machine; in the source tree only (make demo)."""
    from routstr.cli import demonstration  # noqa: PLC0415

    raise typer.Exit(demonstration.run(once=once))


@cli.command("migrate")
def migrate_command(json: JsonFlag = False) -> None:  # noqa: FBT002 - a flag
    """Bring the database to this version's schema."""
    from routstr.core.db import migrate  # noqa: PLC0415
    from routstr.core.db.migrate import UnknownRevision  # noqa: PLC0415

    try:
        revision = migrate.upgrade(environment_or_exit().database_url.reveal())
    except UnknownRevision as error:
        fail(str(error), EXIT_FAILED)
    plain = f'{{"revision":"{revision}"}}'
    typer.echo(plain if json else f"The database is at revision {revision}.")


@cli.command()
def verify(
    *,
    json: JsonFlag = False,
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Verify only what is new since the last proof.")
    ] = False,
    rebase: Annotated[
        bool,
        typer.Option(
            "--rebase", help="Compare with no earlier proof: after you changed old rows yourself."
        ),
    ] = False,
    mints: Annotated[
        bool, typer.Option("--mints", help="Ask the mints, too, whether the ecash is there.")
    ] = False,
) -> None:
    """Prove that the books balance: recompute everything and compare.

    Broken books close deposits on this database until a full verification holds.
    """
    from routstr.cli import verification  # noqa: PLC0415

    settings, full = settings_or_exit(), not incremental
    if not verification.run(settings, full=full, rebase=rebase, json=json, mints=mints):
        raise typer.Exit(EXIT_FAILED)


@cli.command()
def doctor(
    *,
    json: JsonFlag = False,
    mints: Annotated[
        bool, typer.Option("--mints", help="Ask the mints about every proof, too.")
    ] = False,
) -> None:
    """Look at everything that the node needs, and say what is wrong and how to mend it.

    Changes nothing, with a running node or without. Exits with 0 when there is no fault.
    """
    from routstr.cli.doctor import command  # noqa: PLC0415

    if not command.run(json=json, mints=mints):
        raise typer.Exit(EXIT_FAILED)


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it; it must not exist.")],
    passphrase_file: PassphraseFile = None,
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Write database, secret key and words into one encrypted file, beside a running node."""
    from routstr.cli.backup import saving  # noqa: PLC0415

    saving.run(environment_or_exit(), file, passphrase_file, json=json)


@cli.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file of routstr backup.")],
    *,
    passphrase_file: PassphraseFile = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only prove that it could be restored.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Bring a node back on an empty machine. Nothing is overwritten."""
    from routstr.cli.backup import restoring  # noqa: PLC0415

    restoring.run(environment_or_exit(), file, passphrase_file, check=check, json=json)


@cli.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="The SQLite file of the other node, keys.db.")],
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; otherwise only what would be done is told.")
    ] = False,
    mint: Annotated[
        str | None, typer.Option(help="Where refunds of these keys go; PRIMARY_MINT_URL.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Take over keys with their balances, and providers, from a Routstr Core database.

    The other node must be stopped for good. Balances are covered by your own ecash here: bring the
    other node's along first, with routstr wallet import. Can be repeated: nothing is credited
    twice. Exits with 0 when nothing is left to do, or could be done.
    """
    from routstr.cli.importing import command  # noqa: PLC0415

    if not command.run(settings_or_exit(), file, mint, apply=apply, json=json):
        raise typer.Exit(EXIT_FAILED)


@cli.command()
def chat(
    *,
    node: Annotated[str, typer.Option(help="The node's address.")],
    model: Annotated[str, typer.Option(help="Which model.")],
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Ask this and end; default a talk.")
    ] = None,
    system: Annotated[str, typer.Option(help="What the model is told first.")] = "",
    max_sat: MostSat = MOST_SAT,
    purse: Purse = None,
    json: JsonFlag = False,
) -> None:
    """Talk with a model, and pay for each answer out of the purse of routstr pay.

    Every line of the input is a message. With --json each answer is a line of JSON.
    """
    from routstr.cli import chatting  # noqa: PLC0415

    chatting.run(chatting.Asked(node, model, system, max_sat, json), purse, message)


@cli.command()
def version(json: JsonFlag = False) -> None:  # noqa: FBT002
    """Print the version."""
    typer.echo(f'{{"version":"{__version__}"}}' if json else __version__)
