"""``routstr providers``: who serves the models, beside the provider of UPSTREAM_BASE_URL."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from routstr.cli.shell import EXIT_USAGE, JsonFlag, fail, settings_or_exit

Which: TypeAlias = Annotated[str, typer.Argument(help="Its slug or its id.")]
Url: TypeAlias = Annotated[
    str | None, typer.Option("--url", help="Base address; default that of its type.")
]
KeyFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--key-file", help="File with its keys, one a line; - for standard input."),
]
NoKey: TypeAlias = Annotated[bool, typer.Option("--no-key", help="It takes no key.")]
FeeText: TypeAlias = Annotated[
    str | None, typer.Option("--fee", help="Factor on its prices; default UPSTREAM_PROVIDER_FEE.")
]
Priority: TypeAlias = Annotated[
    int | None, typer.Option(help="Of equally cheap providers the highest is asked first.")
]
OwnSettings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="A setting of it, for example api_version=2024-10-21 or idle_seconds=20."
    ),
]
commands = typer.Typer(help="Who serves the models.", invoke_without_command=True)


@commands.callback()
def overview(context: typer.Context, json: JsonFlag = False) -> None:  # noqa: FBT002 - a flag
    """Who serves the models. A running node uses what is changed here within seconds."""
    if context.invoked_subcommand is None:
        list_providers(json=json)
    elif json:
        fail(f"--json belongs behind {context.invoked_subcommand}.", EXIT_USAGE)


@commands.command("list")
def list_providers(json: JsonFlag = False) -> None:  # noqa: FBT002
    """The provider of the settings, and those that are stored."""
    from routstr.cli import providers_actions  # noqa: PLC0415 - each command imports what it needs

    providers_actions.show(settings_or_exit(), json=json)


@commands.command()
def add(  # noqa: PLR0913 - its options
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="openai, anthropic, generic, ...")],
    *,
    slug: Annotated[str | None, typer.Option(help="What it is called; default its type.")] = None,
    url: Url = None,
    key_file: KeyFile = None,
    no_key: NoKey = False,
    fee: FeeText = None,
    priority: Priority = None,
    own: OwnSettings = None,
    json: JsonFlag = False,
) -> None:
    """Add a provider. Its key is asked for, or read from a file; never from the command line."""
    from routstr.cli import providers_actions  # noqa: PLC0415

    keys = providers_actions.read_keys(key_file, none=no_key, ask=True)
    wanted = providers_actions.wanted(
        slug=slug, kind=kind, url=url, keys=keys, fee=_fee(fee), priority=priority, own=own
    )
    providers_actions.add(settings_or_exit(), wanted, json=json)


@commands.command()
def edit(  # noqa: PLR0913 - its options
    which: Which,
    *,
    slug: Annotated[str | None, typer.Option(help="Another name.")] = None,
    url: Url = None,
    key_file: KeyFile = None,
    no_key: NoKey = False,
    fee: FeeText = None,
    priority: Priority = None,
    own: OwnSettings = None,
    json: JsonFlag = False,
) -> None:
    """Change a provider; what is not named stays. Keys and settings are replaced as a whole."""
    from routstr.cli import providers_actions  # noqa: PLC0415

    keys = providers_actions.read_keys(key_file, none=no_key, ask=False)
    wanted = providers_actions.wanted(
        slug=slug, kind=None, url=url, keys=keys, fee=_fee(fee), priority=priority, own=own
    )
    providers_actions.edit(settings_or_exit(), which, wanted, json=json)


@commands.command()
def enable(which: Which, json: JsonFlag = False) -> None:  # noqa: FBT002
    """Let a provider serve again."""
    from routstr.cli import providers_actions  # noqa: PLC0415

    providers_actions.switch(settings_or_exit(), which, on=True, json=json)


@commands.command()
def disable(which: Which, json: JsonFlag = False) -> None:  # noqa: FBT002
    """Ask a provider no more, and keep what is stored of it."""
    from routstr.cli import providers_actions  # noqa: PLC0415

    providers_actions.switch(settings_or_exit(), which, on=False, json=json)


@commands.command()
def remove(which: Which, json: JsonFlag = False) -> None:  # noqa: FBT002
    """Forget a provider and its keys."""
    from routstr.cli import providers_actions  # noqa: PLC0415

    providers_actions.remove(settings_or_exit(), which, json=json)


def _fee(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        fail("--fee is a number, for example 1.05.", EXIT_USAGE)
