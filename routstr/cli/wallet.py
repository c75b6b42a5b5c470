"""``routstr wallet``: where the ecash is, what moves, and what hangs."""

from typing import Annotated

import typer

from routstr.cli.shell import EXIT_FAILED, EXIT_USAGE, JsonFlag, fail, settings_or_exit

commands = typer.Typer(
    help="Where the ecash is, what moves, and what hangs.", invoke_without_command=True
)


@commands.callback()
def overview(context: typer.Context, json: JsonFlag = False) -> None:  # noqa: FBT002 - a flag
    """Where the ecash is, what moves, and what hangs."""
    if context.invoked_subcommand is None:
        balance(json=json)
    elif json:
        fail(f"--json belongs behind {context.invoked_subcommand}.", EXIT_USAGE)


@commands.command()
def balance(json: JsonFlag = False) -> None:  # noqa: FBT002
    """What the node has at each mint, what it owes, and what is yours."""
    from routstr.cli import wallet_balance  # noqa: PLC0415 - each command imports what it needs

    wallet_balance.run(settings_or_exit(), json=json)


@commands.command()
def sagas(
    newest: Annotated[bool, typer.Option("--all", help="The newest, ended or not.")] = False,  # noqa: FBT002
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Movements at mints that are under way, oldest first, and what holds them up."""
    from routstr.cli import wallet_sagas  # noqa: PLC0415

    wallet_sagas.run(settings_or_exit(), newest=newest, limit=limit, json=json)


@commands.command()
def resolve(
    saga: Annotated[int | None, typer.Argument(help="One saga; default all open ones.")] = None,
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Ask the mints what became of open sagas, and end those of which it can be known.

    Works without a node, and beside one, whose own sagas it leaves alone.

    A mint that is not in CASHU_MINTS any more is asked too.

    Exits with 0 when nothing that was asked for stays open.
    """
    from routstr.cli import wallet_resolve  # noqa: PLC0415

    if not wallet_resolve.run(settings_or_exit(), saga, json=json):
        raise typer.Exit(EXIT_FAILED)
