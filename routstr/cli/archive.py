"""``routstr archive``: old charges leave the database for signed files."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from routstr.cli.receipt import Pubkey
from routstr.cli.shell import JsonFlag, settings_or_exit

commands = typer.Typer(help="Old charges, in signed files.", no_args_is_help=True)
ArchiveFile: TypeAlias = Annotated[Path, typer.Argument(help="A file of routstr archive make.")]


@commands.callback()
def overview() -> None:
    """Old charges, in signed files."""


@commands.command()
def make(
    file: Annotated[Path, typer.Argument(help="Where to write it; it must not exist.")],
    *,
    days: Annotated[int, typer.Option(min=1, help="How old a charge must be to leave.")] = 90,
    json: JsonFlag = False,
) -> None:
    """Move old charges from the database into a new file, beside running nodes.

    Balances, figures and everything but charges of ended requests stay. The file is what proves
    these charges from then on: keep it, and a copy of it.
    """
    from routstr.cli import archiving  # noqa: PLC0415 - each command imports what it needs

    archiving.make(settings_or_exit(), file, days, json=json)


@commands.command()
def resume(file: ArchiveFile, json: JsonFlag = False) -> None:  # noqa: FBT002 - a flag
    """Finish an archive that was interrupted, with its file."""
    from routstr.cli import archiving  # noqa: PLC0415

    archiving.resume(settings_or_exit(), file, json=json)


@commands.command("list")
def list_command(json: JsonFlag = False) -> None:  # noqa: FBT002
    """List the archives of this database."""
    from routstr.cli import archiving  # noqa: PLC0415

    archiving.list_all(settings_or_exit(), json=json)


@commands.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Files, the oldest first.")],
    pubkey: Pubkey = None,
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Prove files by themselves. Needs no node, no database and no network.

    With all files from the first one on, the sums that the books begin with are proven, too.
    Exits with 1 when anything is not as it was signed.
    """
    from routstr.cli import archives_read  # noqa: PLC0415

    archives_read.check(files, pubkey, json=json)


@commands.command()
def find(
    file: ArchiveFile,
    request_id: Annotated[str, typer.Argument(help="The id that every answer has.")],
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Look a request up in a file: what it was charged, and for what.

    Exits with 1 when it is not there.
    """
    from routstr.cli import archives_read  # noqa: PLC0415

    archives_read.find(file, request_id, json=json)
