"""``routstr wallet resolve``: find out at the mints what became of open sagas, and end them.

The command is an instance of its own beside the nodes on this database: it takes over only what no
living instance works on, and what it must leave open the nodes take over from it again.

It also speaks to mints that are not in ``CASHU_MINTS`` any more, which a node never does. That list
says whose new tokens are accepted. An open saga is money that moved there while the mint was
listed: its claims are held, its owner waits, and only that mint knows how it ended. Nobody outside
can name such a mint, for every saga was opened at a listed one, and the operator orders the contact
by this command. What an address must be like stays as it is: https and public, checked when the
connection is made.
"""

import asyncio
from dataclasses import dataclass

import msgspec
import typer

from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database, opened_wallet
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import fail
from routstr.core.addresses import check_mint_url
from routstr.core.logging import get_logger
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.errors import RoutstrError, UntrustedMint
from routstr.ledger import instances
from routstr.wallet.mint_errors import MintBusy, MintError, MintRefusal
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.overview import Movement, movements, open_movements
from routstr.wallet.service import Wallet

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one saga. ``why`` says so for one that is open, and more for others."""

    saga: Movement
    why: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it still waits."""
        return self.saga.state is SagaState.OPEN

    def __str__(self) -> str:
        because = f"; {self.why}" if self.why else ""
        return f"saga {self.saga.id}, {self.saga.purpose}: {_ending(self.saga)}{because}."


def run(settings: Settings, saga_id: int | None, *, json: bool) -> bool:
    """Print what became of the sagas asked for; true when none of them stays open."""
    wanted = read_database(
        settings, lambda c: open_movements(c) if saga_id is None else movements(c, [saga_id])
    )
    if saga_id is not None and not wanted:
        fail(f"There is no saga {saga_id}.")
    answers = [Answer(saga, "it had ended before") for saga in wanted if _has_ended(saga)]
    if waiting := [saga for saga in wanted if not _has_ended(saga)]:
        try:
            answers += asyncio.run(_resolve(settings, existing_key(settings), waiting))
        except PROBLEMS as error:
            fail(f"The sagas cannot be resolved: {explain(error)}.")
    still_open = [answer for answer in answers if answer.is_open]
    if json:
        sagas = [_plain(answer) for answer in answers]
        typer.echo(msgspec.json.encode({"sagas": sagas, "open": len(still_open)}))
    else:
        typer.echo("\n".join(map(str, answers)) or "No saga is open: nothing to do.")
    return not still_open


async def _resolve(settings: Settings, key: NodeKey, waiting: list[Movement]) -> list[Answer]:
    mints = {saga.mint for saga in waiting} - set(settings.cashu_mints)
    unlisted = tuple(sorted(mint for mint in mints if not _refusal(settings, mint)))
    async with (
        opened_database(settings, key) as db,
        opened_wallet(settings, db, key, unlisted=unlisted) as wallet,
    ):
        stale = settings.instance_stale_seconds
        alive = await db.read(lambda c: instances.alive(c, stale))
        work = (_try(settings, wallet, saga, alive) for saga in waiting)
        # one that fails unexpectedly stops no other
        reasons = await asyncio.gather(*work, return_exceptions=True)
        now = await db.read(lambda c: movements(c, [saga.id for saga in waiting]))
        return [_answer(*pair) for pair in zip(now, reasons, strict=True)]


def _answer(saga: Movement, reason: str | BaseException) -> Answer:
    if isinstance(reason, BaseException):
        _log.error("saga_not_resolved", saga=saga.id, exc_info=reason)
        return Answer(saga, f"unexpected {type(reason).__name__}, explained in the node's log")
    return Answer(saga, "" if saga.state is SagaState.DONE else reason)


async def _try(settings: Settings, wallet: Wallet, saga: Movement, alive: frozenset[int]) -> str:
    """Resume one saga; return why it stayed open, or what is worth to know of its end."""
    try:
        outcome = await wallet.resume(saga.id, alive)
    except UntrustedMint:
        return f"its mint's address is refused: it {_refusal(settings, saga.mint)}"
    except RoutstrError as error:
        return explain(error)
    if outcome is None:
        seen = settings.instance_stale_seconds
        return f"instance {saga.owner}, which was seen in the last {seen:g} s, works on it"
    if outcome.result is None or outcome.result.error is None:
        return ""
    return _words(outcome.result.error)


def _refusal(settings: Settings, mint: str) -> str:
    """Why a mint must not be contacted, wherever its URL comes from; empty when it may be."""
    try:
        check_mint_url(mint, allow_insecure=settings.allow_insecure_mints)
    except ValueError as error:
        return str(error)
    return ""


def _words(error: MintError) -> str:
    match error:
        case MintBusy():
            return f"the mint asks to wait, or was in trouble just now: {explain(error)}"
        case MintRefusal():
            return f"the mint refused: {explain(error)}"
        case _:
            return explain(error)


def _has_ended(saga: Movement) -> bool:
    return saga.state is not SagaState.OPEN


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
