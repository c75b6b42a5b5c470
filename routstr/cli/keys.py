"""``routstr keys``: clients' keys, what is on them, and what an operator does with them."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from routstr.cli.shell import EXIT_FAILED, EXIT_USAGE, JsonFlag, fail, settings_or_exit
from routstr.money import Unit

Which: TypeAlias = Literal["all", "funded", "expired", "revoked", "parents", "children"]
Id: TypeAlias = Annotated[str, typer.Argument(help="The key's id, key_...; never the key itself.")]
CallName: TypeAlias = Annotated[
    str | None,
    typer.Option("--name-call", help="Names this call: the same name again moves nothing."),
]
KeyName: TypeAlias = Annotated[str | None, typer.Option("--name", help="What it is called.")]
Note: TypeAlias = Annotated[str | None, typer.Option(help="Your own words; nobody is told.")]
Cap: TypeAlias = Annotated[
    int | None, typer.Option("--limit", min=1, help="Most that it may spend, in msat.")
]
Reset: TypeAlias = Annotated[
    str | None, typer.Option(help="The limit begins anew: daily, weekly or monthly.")
]
Expires: TypeAlias = Annotated[
    str | None, typer.Option(help="When it ends: 2030-01-31, 2030-01-31T12:00, or never.")
]
commands = typer.Typer(help="Clients' keys and what is on them.", invoke_without_command=True)


@commands.callback()
def overview(context: typer.Context, json: JsonFlag = False) -> None:  # noqa: FBT002 - a flag
    """Clients' keys and what is on them. Keys are named by their ids; none is ever shown again."""
    if context.invoked_subcommand is None:
        list_keys(json=json)
    elif json:
        fail(f"--json belongs behind {context.invoked_subcommand}.", EXIT_USAGE)


@commands.command("list")
def list_keys(
    *,
    which: Annotated[Which, typer.Option(help="Which of them.")] = "all",
    search: Annotated[str, typer.Option(help="Beginning of an id or a name.")] = "",
    before: Annotated[int | None, typer.Option(help="Go on behind an earlier page.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    json: JsonFlag = False,
) -> None:
    """Keys, newest first."""
    from routstr.cli import keys_shown  # noqa: PLC0415 - each command imports what it needs

    keys_shown.page(settings_or_exit(), which, search, before, limit, json=json)


@commands.command()
def show(key: Id, json: JsonFlag = False) -> None:  # noqa: FBT002
    """Everything about one key: balance, limit, children, holds, tokens given out."""
    from routstr.cli import keys_shown  # noqa: PLC0415

    keys_shown.one(settings_or_exit(), key, json=json)


@commands.command()
def create(  # noqa: PLR0913 - its options
    *,
    token_file: Annotated[
        Path | None, typer.Option(help="File with a token that pays; - for standard input.")
    ] = None,
    msat: Annotated[
        int | None, typer.Option(min=1, help="Or out of your own money, in msat.")
    ] = None,
    name: KeyName = None,
    note: Note = None,
    limit: Cap = None,
    reset: Reset = None,
    expires: Expires = None,
    name_call: CallName = None,
    json: JsonFlag = False,
) -> None:
    """Make a key, which is told this once."""
    from routstr.cli import keys_actions  # noqa: PLC0415

    rules = keys_actions.Wanted(name, note, limit, reset, expires)
    keys_actions.create(settings_or_exit(), token_file, msat, rules, name_call, json=json)


@commands.command("set")
def set_rules(
    key: Id,
    *,
    name: KeyName = None,
    note: Note = None,
    limit: Cap = None,
    reset: Reset = None,
    expires: Expires = None,
    json: JsonFlag = False,
) -> None:
    """Change a key's name, note, limit or end; what is not named stays."""
    from routstr.cli import keys_actions  # noqa: PLC0415

    rules = keys_actions.Wanted(name, note, limit, reset, expires)
    keys_actions.change(settings_or_exit(), key, rules, json=json)


@commands.command()
def topup(
    key: Id,
    msat: Annotated[int, typer.Argument(min=1, help="How much, in msat.")],
    name_call: CallName = None,
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Credit a key out of your own money."""
    from routstr.cli import keys_actions  # noqa: PLC0415

    keys_actions.top_up(settings_or_exit(), key, msat, name_call, json=json)


@commands.command()
def withdraw(
    key: Id,
    *,
    amount: Annotated[
        int | None, typer.Option(min=1, help="In the unit; default all that one mint can pay.")
    ] = None,
    unit: Annotated[Unit, typer.Option(help="The token's unit.")] = Unit.SAT,
    mint: Annotated[str | None, typer.Option(help="There and nowhere else.")] = None,
    name_call: CallName = None,
    json: JsonFlag = False,
) -> None:
    """Give a key's balance out as a token, printed on standard output."""
    from routstr.cli import keys_actions  # noqa: PLC0415

    keys_actions.withdraw(settings_or_exit(), key, amount, unit, mint, name_call, json=json)


@commands.command()
def revoke(
    key: Id,
    *,
    refund: Annotated[str, typer.Option(help="token, lightning or none.")] = "token",
    to: Annotated[
        str | None, typer.Option(help="Lightning address, for --refund lightning.")
    ] = None,
    name_call: CallName = None,
    json: JsonFlag = False,
) -> None:
    """End a key, then pay out what is on it.

    Exits with 1 when the key has ended and something could not be paid out.
    """
    from routstr.cli import keys_actions  # noqa: PLC0415

    if not keys_actions.revoke(settings_or_exit(), key, refund, to, name_call, json=json):
        raise typer.Exit(EXIT_FAILED)
