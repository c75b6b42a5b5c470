"""``routstr wallet``: where the ecash is, what moves, and what hangs."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from routstr.cli.shell import EXIT_FAILED, EXIT_USAGE, JsonFlag, fail, settings_or_exit
from routstr.money import Unit

PassphraseFile: TypeAlias = Annotated[
    Path | None, typer.Option(help="File with the passphrase, for use without a terminal.")
]
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
def invoices(
    newest: Annotated[bool, typer.Option("--all", help="The newest, paid or not.")] = False,  # noqa: FBT002
    ask: Annotated[bool, typer.Option("--ask", help="Ask the mints about them first.")] = False,  # noqa: FBT002
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Lightning invoices that wait for a payment, are being credited, or are lost.

    Nodes ask about them by themselves. With --ask a mint that is not in CASHU_MINTS any more is
    asked too, and what was paid there is credited.
    """
    from routstr.cli import wallet_invoices  # noqa: PLC0415

    wallet_invoices.run(settings_or_exit(), newest=newest, ask=ask, limit=limit, json=json)


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


@commands.command()
def seed(
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Although they were shown before.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
) -> None:
    """Show the wallet's twelve words, once. With them its ecash can be brought back."""
    from routstr.cli import wallet_seed  # noqa: PLC0415

    wallet_seed.run(settings_or_exit(), force=force, yes=yes)


@commands.command()
def restore(
    *,
    from_words: Annotated[
        bool, typer.Option("--seed", help="From twelve words, asked for or on standard input.")
    ] = False,
    backup: Annotated[
        Path | None, typer.Option(help="From a file of routstr wallet export.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    gap: Annotated[
        int, typer.Option(min=1, help="Unused numbers in a row that end a search.")
    ] = 3_000,
    json: JsonFlag = False,
) -> None:
    """Bring a wallet back from the mints in CASHU_MINTS, into an empty database.

    What is found counts as yours. It can be run again until the node has been used.

    Keysets in which nothing is found are searched for a tenth of the gap.

    Exits with 0 when every mint was searched to the end.
    """
    if from_words is (backup is not None):
        fail("Say where from: --seed, or --backup with a file.", EXIT_USAGE)
    from routstr.cli import wallet_restore  # noqa: PLC0415

    settings = settings_or_exit()
    outcome = wallet_restore.run(settings, backup=backup, phrase_file=passphrase_file, gap=gap)
    if not wallet_restore.report(outcome, json=json):
        raise typer.Exit(EXIT_FAILED)


@commands.command("export")
def export_command(
    file: Annotated[Path, typer.Argument(help="Where to write it; it must not exist.")],
    passphrase_file: PassphraseFile = None,
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Write words, counters and proofs into a file, encrypted with a passphrase."""
    from routstr.cli import wallet_export  # noqa: PLC0415

    wallet_export.run(settings_or_exit(), file, passphrase_file, json=json)


@commands.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="File with Cashu tokens; - for standard input.")],
    json: JsonFlag = False,  # noqa: FBT002
) -> None:
    """Take in tokens as your own money: working capital of the node.

    Exits with 0 when every token was taken.
    """
    from routstr.cli import wallet_import  # noqa: PLC0415

    if not wallet_import.run(settings_or_exit(), file, json=json):
        raise typer.Exit(EXIT_FAILED)


@commands.command()
def payout(
    *,
    to: Annotated[
        str | None, typer.Option(help="Lightning address, LNURL or invoice; RECEIVE_LN_ADDRESS.")
    ] = None,
    amount: Annotated[int | None, typer.Option(min=1, help="In sat; default all of it.")] = None,
    mint: Annotated[str | None, typer.Option(help="Which mint pays; default the fullest.")] = None,
    json: JsonFlag = False,
) -> None:
    """Pay out over Lightning what is yours: never what the node owes to anybody.

    Exits with 0 when it is paid.
    """
    from routstr.cli import wallet_payout  # noqa: PLC0415

    if not wallet_payout.pay_out(settings_or_exit(), to, amount, mint, json=json):
        raise typer.Exit(EXIT_FAILED)


@commands.command()
def withdraw(
    *,
    amount: Annotated[
        int | None, typer.Option(min=1, help="In the unit, the mint's fee included.")
    ] = None,
    mint: Annotated[str | None, typer.Option(help="Default PRIMARY_MINT_URL.")] = None,
    unit: Annotated[Unit, typer.Option(help="The token's unit.")] = Unit.SAT,
    saga: Annotated[
        int | None, typer.Option(help="Print the token of this earlier withdrawal again.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Take out what is yours as a Cashu token, printed on standard output."""
    if (amount is None) is (saga is None):
        fail("Say how much with --amount, or which one with --saga.", EXIT_USAGE)
    from routstr.cli import wallet_payout  # noqa: PLC0415

    if saga is not None:
        wallet_payout.tell_again(settings_or_exit(), saga, json=json)
    elif amount is not None:
        wallet_payout.withdraw(settings_or_exit(), amount, mint, unit, json=json)


@commands.command()
def recovered(
    *,
    take: Annotated[bool, typer.Option("--take", help="It is yours from now on.")] = False,
    credit: Annotated[
        str | None, typer.Option(help="The key whose balance gets it: its id, key_...")
    ] = None,
    msat: Annotated[int | None, typer.Option(min=1, help="How much; default all of it.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Names this call: the same name again moves nothing.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """What was found at the mints beside the books, as after an old backup, and who gets it.

    It is owed until you say whose it is: your own, or a user's who has lost it.
    """
    if take and credit is not None:
        fail("It goes to you (--take) or to a key (--credit).", EXIT_USAGE)
    from routstr.cli import wallet_recovered  # noqa: PLC0415

    if take or credit is not None:
        wallet_recovered.give(settings_or_exit(), credit, msat, name, json=json)
    elif msat is None and name is None:
        wallet_recovered.show(settings_or_exit(), json=json)
    else:
        fail("Say who gets it: --take or --credit.", EXIT_USAGE)


@commands.command()
def swap(
    *,
    source: Annotated[str, typer.Option("--from", help="The mint that pays.")],
    target: Annotated[
        str | None, typer.Option("--to", help="The mint that gets it; PRIMARY_MINT_URL.")
    ] = None,
    amount: Annotated[int, typer.Option(min=1, help="In sat; the fees come on top.")],
    unit: Annotated[Unit, typer.Option(help="Which ecash of the paying mint.")] = Unit.SAT,
    json: JsonFlag = False,
) -> None:
    """Move ecash from one listed mint to another over Lightning. The fees are yours.

    Exits with 0 when it has arrived.
    """
    from routstr.cli import wallet_swap  # noqa: PLC0415

    if not wallet_swap.run(settings_or_exit(), source, target, amount, unit, json=json):
        raise typer.Exit(EXIT_FAILED)
