"""``routstr liabilities``: what the node owes, provable to everybody it owes it to."""

from pathlib import Path
from typing import Annotated

import typer

from routstr.cli.receipt import Pubkey, StatementFile
from routstr.cli.shell import JsonFlag, settings_or_exit

commands = typer.Typer(help="Proof of what the node owes.", no_args_is_help=True)


@commands.callback()
def overview() -> None:
    """Proof of what the node owes."""


@commands.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write it; it must not exist.")],
    json: JsonFlag = False,  # noqa: FBT002 - a flag
) -> None:
    """Sum up every balance, sign the sum, and write a proof for each key.

    statement.json is for everybody. proofs.jsonl has one line for each key, which is for its owner.
    """
    from routstr.cli import proving  # noqa: PLC0415 - each command imports what it needs

    proving.export(settings_or_exit(), folder, json=json)


@commands.command()
def proof(
    folder: Annotated[Path, typer.Argument(help="What routstr liabilities export wrote.")],
    key_id: Annotated[str, typer.Argument(help="Whose; the id that a key is told.")],
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Print the proof of one key, to be given to its owner."""
    from routstr.cli import proving  # noqa: PLC0415

    proving.proof_of(folder, key_id, json=json)


@commands.command()
def verify(
    file: StatementFile,
    pubkey: Pubkey = None,
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Prove that a balance is inside of what a node says that it owes.

    Exits with 1 when it is not.
    """
    from routstr.cli import proving  # noqa: PLC0415

    proving.balance(file, pubkey, json=json)
