"""``routstr pay``: a small wallet of your own, which pays nodes request by request."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from routstr.cli.shell import EXIT_FAILED, EXIT_USAGE, JsonFlag, fail
from routstr.money import Unit

Purse: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Its folder; default ROUTSTR_PURSE, else ~/.local/share/routstr."),
]
MostSat: TypeAlias = Annotated[
    int, typer.Option("--max-sat", min=1, help="Most that one request may want in advance.")
]
MOST_SAT = 1_000
commands = typer.Typer(
    help="A small wallet of your own that pays nodes.", invoke_without_command=True
)


@commands.callback()
def overview(context: typer.Context, json: JsonFlag = False) -> None:  # noqa: FBT002 - a flag
    """A small wallet of your own that pays nodes, request by request, and keeps the change.

    What an earlier command left open is settled first.
    """
    if context.invoked_subcommand is None:
        balance(json=json)
    elif json:
        fail(f"--json belongs behind {context.invoked_subcommand}.", EXIT_USAGE)


@commands.command()
def balance(purse: Purse = None, json: JsonFlag = False) -> None:  # noqa: FBT002
    """What is in the purse, and what is under way.

    Exits with 1 when a payment stays open.
    """
    from routstr.cli import pay_actions  # noqa: PLC0415 - each command imports what it needs

    if not pay_actions.balance(purse, json=json):
        raise typer.Exit(EXIT_FAILED)


@commands.command()
def receive(
    token: Annotated[str, typer.Argument(help="A Cashu token; - for standard input.")],
    purse: Purse = None,
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Take a token in."""
    from routstr.cli import pay_actions  # noqa: PLC0415

    pay_actions.receive(purse, token, json=json)


@commands.command()
def send(
    amount: Annotated[int, typer.Argument(min=1, help="In the unit.")],
    *,
    unit: Annotated[Unit, typer.Option(help="The token's unit.")] = Unit.SAT,
    mint: Annotated[str | None, typer.Option(help="Of which mint; default any.")] = None,
    purse: Purse = None,
    json: JsonFlag = False,
) -> None:
    """Make a token for somebody, printed on standard output."""
    from routstr.cli import pay_actions  # noqa: PLC0415

    pay_actions.send(purse, amount, unit, mint, json=json)


@commands.command()
def sent(
    *,
    take_back: Annotated[
        int | None, typer.Option("--take-back", help="Take this one back, if nobody has it yet.")
    ] = None,
    purse: Purse = None,
    json: JsonFlag = False,
) -> None:
    """Tokens made for somebody and not redeemed yet, told again."""
    from routstr.cli import pay_actions  # noqa: PLC0415

    pay_actions.sent(purse, take_back, json=json)


@commands.command()
def request(
    url: Annotated[str, typer.Argument(help="The whole address, https://node.example/v1/...")],
    *,
    data: Annotated[
        str | None, typer.Option(help="JSON body, @FILE, or @- for standard input.")
    ] = None,
    method: Annotated[str | None, typer.Option(help="Default POST with a body, else GET.")] = None,
    max_sat: MostSat = MOST_SAT,
    purse: Purse = None,
    json: JsonFlag = False,
) -> None:
    """Ask a node and pay when it wants that; the answer goes to standard output.

    Exits with 0 when the node has answered with success.
    """
    from routstr.cli import pay_actions  # noqa: PLC0415

    if not pay_actions.request(purse, url, data, method, max_sat, json=json):
        raise typer.Exit(EXIT_FAILED)
