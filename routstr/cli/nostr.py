"""``routstr nostr``: how the node stands on Nostr, publishing, withdrawing."""

import typer

from routstr.cli.shell import EXIT_USAGE, JsonFlag, fail, settings_or_exit

commands = typer.Typer(help="The node on Nostr.", invoke_without_command=True)


@commands.callback()
def overview(context: typer.Context, json: JsonFlag = False) -> None:  # noqa: FBT002 - a flag
    """The node on Nostr: what is announced, and how each relay fares."""
    if context.invoked_subcommand is None:
        from routstr.cli import nostr_actions  # noqa: PLC0415 - each command imports what it needs

        nostr_actions.show(settings_or_exit(), json=json)
    elif json:
        fail(f"--json belongs behind {context.invoked_subcommand}.", EXIT_USAGE)


@commands.command()
def publish(json: JsonFlag = False) -> None:  # noqa: FBT002
    """Announce the node: compare with what relays hold, and put right what is not."""
    from routstr.cli import nostr_actions  # noqa: PLC0415

    nostr_actions.publish(settings_or_exit(), json=json)


@commands.command()
def withdraw(json: JsonFlag = False) -> None:  # noqa: FBT002
    """Take the announcement back, until it is published again; with a running node or without."""
    from routstr.cli import nostr_actions  # noqa: PLC0415

    nostr_actions.withdraw(settings_or_exit(), json=json)
