"""``routstr models``: what is sold, at which price, and what the operator changes of it."""

from typing import Annotated, Literal, TypeAlias

import typer

from routstr.cli.shell import EXIT_FAILED, EXIT_USAGE, JsonFlag, fail, settings_or_exit

Which: TypeAlias = Literal["all", "sold", "off", "changed", "not_sold"]
Model: TypeAlias = Annotated[str, typer.Argument(help="Its id at its provider, or its name.")]
At: TypeAlias = Annotated[
    str | None, typer.Option("--provider", help="Whose model; default who is asked first.")
]
commands = typer.Typer(help="What is sold, at which price.", invoke_without_command=True)


@commands.callback()
def overview(context: typer.Context, json: JsonFlag = False) -> None:  # noqa: FBT002 - a flag
    """What is sold, at which price. A running node uses what is changed here within seconds."""
    if context.invoked_subcommand is None:
        list_models(json=json)
    elif json:
        fail(f"--json belongs behind {context.invoked_subcommand}.", EXIT_USAGE)


@commands.command("list")
def list_models(
    *,
    search: Annotated[str, typer.Argument(help="A part of its name.")] = "",
    which: Annotated[Which, typer.Option(help="Which of them.")] = "sold",
    provider: Annotated[str, typer.Option(help="Those of one provider.")] = "",
    json: JsonFlag = False,
) -> None:
    """Models and their prices, in msat for a million tokens."""
    from routstr.cli import models_actions  # noqa: PLC0415 - each command imports what it needs

    models_actions.show_all(settings_or_exit(), search, which, provider, json=json)


@commands.command()
def show(model: Model, provider: At = None, json: JsonFlag = False) -> None:  # noqa: FBT002
    """How the prices of one model come about."""
    from routstr.cli import models_actions  # noqa: PLC0415

    models_actions.show_one(settings_or_exit(), model, provider, json=json)


@commands.command("set")
def set_fields(
    model: Model,
    fields: Annotated[
        list[str],
        typer.Argument(
            metavar="FIELD=VALUE...",
            help="Fields of the models file, for example pricing.prompt=0.000002; =null takes back",
        ),
    ],
    provider: At = None,
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Change a model: its prices in USD, names, limits."""
    from routstr.cli import models_actions  # noqa: PLC0415

    models_actions.change(settings_or_exit(), model, provider, fields, json=json)


@commands.command()
def enable(model: Model, provider: At = None, json: JsonFlag = False) -> None:  # noqa: FBT002
    """Sell a model again."""
    from routstr.cli import models_actions  # noqa: PLC0415

    models_actions.change(settings_or_exit(), model, provider, ["enabled=true"], json=json)


@commands.command()
def disable(model: Model, provider: At = None, json: JsonFlag = False) -> None:  # noqa: FBT002
    """Sell a model no more."""
    from routstr.cli import models_actions  # noqa: PLC0415

    models_actions.change(settings_or_exit(), model, provider, ["enabled=false"], json=json)


@commands.command()
def reset(model: Model, provider: At = None, json: JsonFlag = False) -> None:  # noqa: FBT002
    """Sell a model as file and lists have it, without what was changed here or in a browser."""
    from routstr.cli import models_actions  # noqa: PLC0415

    models_actions.take_back(settings_or_exit(), model, provider, json=json)


@commands.command("test")
def try_out(model: Model, provider: At = None, json: JsonFlag = False) -> None:  # noqa: FBT002
    """Ask a model something small, at your cost.

    Exits with 0 when it answers.
    """
    from routstr.cli import models_actions  # noqa: PLC0415

    if not models_actions.try_out(settings_or_exit(), model, provider, json=json):
        raise typer.Exit(EXIT_FAILED)
