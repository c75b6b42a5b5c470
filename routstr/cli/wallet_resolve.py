"""``routstr wallet resolve``: find out at the mints what became of open sagas, and end them.

The command is an instance of its own beside the nodes on this database: it takes over only what no
living instance works on, and what it must leave open the nodes take over from it again.

It also speaks to mints that are not in ``CASHU_MINTS`` any more; see
:mod:`routstr.payment.resolving`.
"""

import asyncio

import msgspec
import typer

from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database, opened_wallet
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import fail
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.payment.movements import is_open
from routstr.payment.resolving import Answer, Resolver
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.overview import Movement, movements, open_movements


def run(settings: Settings, saga_id: int | None, *, json: bool) -> bool:
    """Print what became of the sagas asked for; true when none of them stays open."""
    wanted = read_database(
        settings, lambda c: open_movements(c) if saga_id is None else movements(c, [saga_id])
    )
    if saga_id is not None and not wanted:
        fail(f"There is no saga {saga_id}.")
    answers = [Answer(saga, "it had ended before") for saga in wanted if not is_open(saga)]
    if waiting := [saga for saga in wanted if is_open(saga)]:
        try:
            answers += asyncio.run(_resolve(settings, existing_key(settings), waiting))
        except PROBLEMS as error:
            fail(f"The sagas cannot be resolved: {explain(error)}.")
    still_open = [answer for answer in answers if answer.is_open]
    if json:
        sagas = [_plain(answer) for answer in answers]
        typer.echo(msgspec.json.encode({"sagas": sagas, "open": len(still_open)}))
    else:
        typer.echo("\n".join(map(words, answers)) or "No saga is open: nothing to do.")
    return not still_open


async def _resolve(settings: Settings, key: NodeKey, waiting: list[Movement]) -> list[Answer]:
    async with opened_database(settings, key) as db:
        resolver = Resolver(
            db,
            lambda unlisted: opened_wallet(settings, db, key, unlisted=unlisted),
            settings.cashu_mints,
            settings.allow_insecure_mints,
            settings.instance_stale_seconds,
        )
        return await resolver.resolve(waiting)


def words(answer: Answer) -> str:
    """One line about a saga."""
    because = f"; {answer.why}" if answer.why else ""
    return f"saga {answer.saga.id}, {answer.saga.purpose}: {_ending(answer.saga)}{because}."


def _ending(saga: Movement) -> str:
    if saga.state is SagaState.OPEN:
        return "still open"
    return _done(saga) if saga.state is SagaState.DONE else _undone(saga)


def _done(saga: Movement) -> str:
    gross, net = (tables.amount(n, saga.unit) for n in (saga.gross, saga.gross - saga.fee))
    match saga.kind:
        case SagaKind.RECEIVE | SagaKind.MINT:
            return f"done, {net} credited"
        case SagaKind.MELT:
            return f"done, paid over Lightning; of {gross} what was not needed is back"
        case SagaKind.CONSOLIDATE:
            return f"done, {gross} in proofs became {net} in others"
        case SagaKind.FORWARD:
            return "done, another mint was paid; what comes of it is credited when it is here"
        case _:
            return f"done, a token of {net} issued, which its owner's next refund request tells"


def _undone(saga: Movement) -> str:
    match saga.kind:
        case SagaKind.RECEIVE | SagaKind.FORWARD:
            return "undone, nothing credited"
        case SagaKind.MINT:
            return "given up for another try, which the node makes by itself"
        case SagaKind.CONSOLIDATE:
            return "undone, the proofs are as they were"
        case _:
            return f"undone, {tables.amount(saga.gross, saga.unit)} back in the balance"


def _plain(answer: Answer) -> dict[str, object]:
    saga = answer.saga
    return {
        "id": saga.id,
        "kind": saga.kind.name.lower(),
        "purpose": saga.purpose,
        "state": saga.state.name.lower(),
        "mint": saga.mint,
        "unit": saga.unit,
        "gross": saga.gross,
        "fee": saga.fee,
        "why": answer.why,
    }
