"""``routstr receipt``: what a node has signed, proven on the client's side."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from routstr.cli.shell import JsonFlag

StatementFile: TypeAlias = Annotated[
    Path, typer.Argument(help="What the node gave, as JSON; - for standard input.")
]
Pubkey: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Who has to have signed it: receipt_pubkey of the node's /v1/info, or npub."),
]
commands = typer.Typer(help="Receipts that nodes have signed.", no_args_is_help=True)


@commands.callback()
def overview() -> None:
    """Receipts that nodes have signed."""


@commands.command()
def verify(
    file: StatementFile,
    pubkey: Pubkey = None,
    json: JsonFlag = False,  # noqa: FBT002 - a flag
) -> None:
    """Prove that a receipt, or a seal, is a node's own words. Needs no node and no network.

    Exits with 1 when it is not.
    """
    from routstr.cli import proving  # noqa: PLC0415 - each command imports what it needs

    proving.receipt(file, pubkey, json=json)
