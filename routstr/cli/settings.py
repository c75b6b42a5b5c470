"""``routstr settings``: what holds, where it comes from, and what is stored."""

from typing import Annotated, TypeAlias

import typer

from routstr.cli.shell import EXIT_USAGE, JsonFlag, environment_or_exit, fail

Name: TypeAlias = Annotated[str, typer.Argument(help="Its name, as in the environment.")]
commands = typer.Typer(help="The settings of the node.", invoke_without_command=True)


@commands.callback()
def overview(context: typer.Context, json: JsonFlag = False) -> None:  # noqa: FBT002 - a flag
    """The settings of the node. A running node uses what is changed here within seconds."""
    if context.invoked_subcommand is None:
        list_settings(json=json)
    elif json:
        fail(f"--json belongs behind {context.invoked_subcommand}.", EXIT_USAGE)


@commands.command("list")
def list_settings(
    json: JsonFlag = False,  # noqa: FBT002
    everything: Annotated[  # noqa: FBT002
        bool, typer.Option("--all", help="Those with their usual values, too.")
    ] = False,
) -> None:
    """What is set, and where."""
    from routstr.cli import settings_actions  # noqa: PLC0415 - each command imports what it needs

    settings_actions.show(environment_or_exit(), everything=everything, json=json)


@commands.command()
def get(name: Name, json: JsonFlag = False) -> None:  # noqa: FBT002
    """Print one value. A secret is not told."""
    from routstr.cli import settings_actions  # noqa: PLC0415

    settings_actions.get(environment_or_exit(), name, json=json)


@commands.command("set")
def set_value(
    name: Name,
    value: Annotated[str, typer.Argument(help="As in the environment.")],
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Store a value, which must fit the others."""
    from routstr.cli import settings_actions  # noqa: PLC0415

    settings_actions.change(environment_or_exit(), name, value, json=json)


@commands.command()
def unset(name: Name, json: JsonFlag = False) -> None:  # noqa: FBT002
    """Store none: the default holds again."""
    from routstr.cli import settings_actions  # noqa: PLC0415

    settings_actions.change(environment_or_exit(), name, None, json=json)
