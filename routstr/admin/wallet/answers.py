"""What the wallet knows, in the words of the admin API."""

from collections.abc import Collection

from routstr.admin.wallet.schemas import (
    CheckAnswer,
    MoveAnswer,
    PayoutAnswer,
    SagaAnswer,
    TakenOut,
    VerificationAnswer,
)
from routstr.money import ZERO
from routstr.payment import movements
from routstr.payment.leaving import lightning_fee_msat
from routstr.payment.payout_books import WITHDRAW
from routstr.payment.verification import Verifications
from routstr.wallet.mint_swaps import MintSwap
from routstr.wallet.models import IssuedState, SagaState
from routstr.wallet.overview import Movement
from routstr.wallet.purse import Issued
from routstr.wallet.sagas import Saga


def saga_answer(
    saga: Movement,
    *,
    listed: Collection[str],
    alive: Collection[int],
    resting: Collection[str],
    now_ms: int,
) -> SagaAnswer:
    """A movement; the arguments are those of :func:`movements.waits_for`."""
    wait = None
    if movements.is_open(saga):
        wait = movements.waits_for(
            saga, listed=listed, alive=alive, resting=resting, now_ms=now_ms
        ).value
    told = {name: value for name, value in movements.plain(saga).items() if name != "owner"}
    age_s = max(0, now_ms - saga.created_at) // 1_000
    return SagaAnswer.model_validate({**told, "age_s": age_s, "waits_for": wait})


def taken_out(saga: Saga, token: str, issued: Issued) -> TakenOut:
    """A token that the operator took out."""
    return TakenOut(
        token=token,
        mint_url=saga.mint,
        unit=saga.unit,
        amount=saga.gross - saga.fee,
        mint_fee=saga.fee,
        saga=saga.id,
        redeemed=issued.state is IssuedState.CLAIMED,
    )


def payout_answer(saga: Saga) -> PayoutAnswer:
    """A payout, as a token or over Lightning."""
    is_token, is_done = saga.purpose == WITHDRAW, saga.state is SagaState.DONE
    fees = None
    if is_done:
        fees = int(saga.fee_msat + (ZERO if is_token else lightning_fee_msat(saga)))
    return PayoutAnswer(
        saga=saga.id,
        kind="token" if is_token else "lightning",
        state=saga.state.name.lower(),
        mint=saga.mint,
        unit=saga.unit,
        amount=saga.gross - saga.fee if is_token else saga.plan.pay,
        fees_msat=fees,
        created_at=saga.created_at,
    )


def move_answer(move: MintSwap) -> MoveAnswer:
    """A move between mints."""
    return MoveAnswer(
        id=move.id,
        stage=move.stage.value,
        source=move.source,
        target=move.target,
        amount_msat=int(move.amount),
        cost_msat=None if move.cost is None else int(move.cost),
        saga=move.melt,
        created_at=move.created_at,
    )


def verification_answer(runs: Verifications) -> VerificationAnswer:
    """How the books were found last, and whether they are being verified now."""
    last = runs.last
    if last is None:
        return VerificationAnswer(running_since=runs.since, problem=runs.problem)
    found = last.audit
    return VerificationAnswer(
        running_since=runs.since,
        problem=runs.problem,
        at=last.at,
        full=found.full,
        holds=found.holds,
        deposits_open=last.deposits_open,
        assets_msat=found.assets,
        owed_msat=found.owed,
        checks=[
            CheckAnswer(name=one.name, holds=one.holds, problems=list(one.problems))
            for one in found.checks
        ],
    )
