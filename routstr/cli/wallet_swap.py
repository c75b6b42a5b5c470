"""``routstr wallet swap``: move ecash from one listed mint to another, over Lightning."""

import asyncio

import msgspec
import typer

from routstr.assembly.money import build_swaps
from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database, opened_wallet
from routstr.cli.reading import PROBLEMS, explain
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.addresses import normalise_mint_url
from routstr.core.clock import SystemClock
from routstr.core.settings import Settings
from routstr.money import Unit
from routstr.wallet.mint_swaps import MintSwap, Stage


def run(
    settings: Settings, source: str, target: str | None, sats: int, unit: Unit, *, json: bool
) -> bool:
    """Move it, and print what became of it; true when it has arrived."""
    to = target or settings.primary_mint_url
    try:
        pair = normalise_mint_url(source), normalise_mint_url(to)
    except ValueError as error:
        fail(f"A mint's URL {error}.", EXIT_USAGE)
    try:
        move = asyncio.run(_swap(settings, *pair, sats, unit))
    except PROBLEMS as error:
        fail(f"Nothing was moved: {explain(error)}.")
    typer.echo(msgspec.json.encode(_plain(move)) if json else _words(move))
    return move.stage is Stage.DONE


async def _swap(settings: Settings, source: str, target: str, sats: int, unit: Unit) -> MintSwap:
    key = existing_key(settings)
    async with (
        opened_database(settings, key) as db,
        opened_wallet(settings, db, key) as wallet,
    ):
        swaps = build_swaps(settings, db, wallet, SystemClock())
        return await swaps.swap(source, target, sats, unit=unit)


def _words(move: MintSwap) -> str:
    amount = tables.amount(int(move.amount), "msat")
    match move.stage:
        case Stage.DONE:
            cost = tables.amount(int(move.cost or 0), "msat")
            return f"Moved {amount} from {move.source} to {move.target}, fees {cost}."
        case Stage.BETWEEN:
            return (
                f"{amount} left {move.source} and did not arrive at {move.target} yet:"
                " the node goes on asking."
            )
        case _:
            return (
                f"Nobody knows yet whether {amount} left {move.source}: saga {move.melt};"
                " the node goes on with it, and routstr wallet resolve asks now."
            )


def _plain(move: MintSwap) -> dict[str, object]:
    return {
        "id": move.id,
        "stage": move.stage.value,
        "source": move.source,
        "target": move.target,
        "amount_msat": int(move.amount),
        "fee_msat": None if move.cost is None else int(move.cost),
        "saga": move.melt,
    }
