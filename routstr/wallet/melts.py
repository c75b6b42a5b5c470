"""One payment by a mint, carried out until it is known what happened (NUT-05, 07, 08, 09).

``run`` is the first attempt, ``resume`` any later one, after a crash or an unclear answer::

    intent stored ── melt ──> PAID, with its change ──────────────────> SIGNED
                       │ PENDING, refused, or nobody knows: ask
                       ▼
              checkstate(inputs), then the quote's state
                       ├ quote PAID, all inputs SPENT ─ restore(blanks) > SIGNED
                       ├ quote PENDING, or an input is ─────────────────> OPEN
                       ├ quote PAID, and an input is not SPENT ─────────> OPEN
                       ├ quote UNPAID, some inputs SPENT ───────────────> SPENT elsewhere
                       └ quote UNPAID, all inputs UNSPENT
                            ├ refused, and it is certain ───────────────> REFUSED
                            └ resume: the identical melt again

A quote is paid once, and the inputs are spent once: repeating the request cannot pay twice. The
inputs are looked at before the quote, so that a payment which ends between the two questions is
never taken for somebody else's. Nothing is decided by a timer; while the mint does not answer, or
the payment is under way, it stays OPEN.

What a mint keeps is bounded by what was intended: the change must leave it no more than amount,
fee reserve and input fee, and no less than the amount. Where it does not, it stays OPEN, for the
mint may sign the change later than it says PAID.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from routstr.wallet import swaps
from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import (
    BadSignature,
    MintBusy,
    MintDown,
    MintError,
    MintRefusal,
    MintUnclear,
)
from routstr.wallet.mint_types import MeltQuoteState, ProofState
from routstr.wallet.proofs import BlindSignature, PreparedOutput, TokenProof, finish
from routstr.wallet.swaps import Ending

_UNDER_WAY: Final = "the mint's payment is under way"


class NotPaid(MintRefusal):
    """The mint tried, and its payment failed."""

    def __init__(self) -> None:
        super().__init__(None, "the payment failed")


@dataclass(frozen=True, slots=True)
class Payment:
    """What is asked of the mint; repeating it is always the same request.

    Amounts are in the keyset's unit: ``amount`` is the invoice's, ``gross`` the most that the mint
    may keep: amount, fee reserve and input fee.
    """

    mint: Mint
    keyset: Keyset
    quote: str
    amount: int
    gross: int
    inputs: Sequence[TokenProof]
    blanks: Sequence[PreparedOutput]


@dataclass(frozen=True, slots=True)
class Result(swaps.Result):
    """What became of a payment: ``proofs`` are its change, ``spent`` is what the mint kept."""

    spent: int = 0


async def run(payment: Payment) -> Result:
    """Make the first attempt."""
    try:
        answer = await payment.mint.melt(payment.quote, payment.inputs, payment.blanks)
    except MintBusy as error:
        if error.sent:
            return Result(Ending.OPEN, error=error)
        return Result(Ending.REFUSED, error=error)
    except MintDown as error:
        return Result(Ending.REFUSED, error=error)
    except MintRefusal as error:
        return await _ask(payment, error)
    except MintUnclear:
        return await resume(payment)
    return await _answered(payment, answer.state, answer.change)


async def resume(payment: Payment) -> Result:
    """Find out what became of an earlier attempt, and repeat it if nothing did."""
    found = await _ask(payment, MintUnclear("the mint has not said what became of it"))
    if found.ending is not Ending.REFUSED:
        return found
    try:
        answer = await payment.mint.melt(payment.quote, payment.inputs, payment.blanks)
    except MintRefusal as error:
        return await _ask(payment, error)
    except MintUnclear as error:
        if error.code is None:
            return Result(Ending.OPEN, error=error)
        return await _ask(payment, MintRefusal(error.code, str(error)))  # the mint has answered
    except MintError as error:
        return Result(Ending.OPEN, error=error)
    return await _answered(payment, answer.state, answer.change)


async def _answered(
    payment: Payment, state: MeltQuoteState, change: Sequence[BlindSignature]
) -> Result:
    if state is MeltQuoteState.PENDING:
        return Result(Ending.OPEN, error=MintUnclear(_UNDER_WAY))
    if state is MeltQuoteState.UNPAID:
        return await _ask(payment, NotPaid())
    return _paid(payment, list(zip(payment.blanks, change, strict=False)))


async def _ask(payment: Payment, reason: MintError) -> Result:
    """Look at the inputs and the quote: see the module's table."""
    try:
        states = await _states(payment)
        quote = (await payment.mint.melt_quote_state(payment.quote)).state
        if quote is MeltQuoteState.PAID and states != {ProofState.SPENT}:
            states = await _states(payment)  # it may have ended since they were looked at
        if quote is MeltQuoteState.PAID and states == {ProofState.SPENT}:
            return await _restored(payment)
    except MintError as error:
        return Result(Ending.OPEN, error=error)
    if quote is MeltQuoteState.PAID:
        problem = "the mint counts the quote as paid and the inputs as not spent"
        return Result(Ending.OPEN, error=MintUnclear(problem))
    if quote is MeltQuoteState.PENDING or ProofState.PENDING in states:
        return Result(Ending.OPEN, error=MintUnclear(_UNDER_WAY))
    if ProofState.SPENT in states:
        problem = "the mint counts the inputs as spent and the quote as not paid"
        return Result(Ending.SPENT, error=MintUnclear(problem))
    return Result(Ending.REFUSED, error=reason)


async def _states(payment: Payment) -> set[ProofState]:
    return set(await payment.mint.check_state([proof.y() for proof in payment.inputs]))


async def _restored(payment: Payment) -> Result:
    """Take the change of a payment whose answer was lost (NUT-09)."""
    if not payment.blanks:
        return _paid(payment, [])
    entries = await payment.mint.restore(payment.blanks)
    return _paid(payment, [(payment.blanks[entry.index], entry.signature) for entry in entries])


def _paid(payment: Payment, change: list[tuple[PreparedOutput, BlindSignature]]) -> Result:
    outputs = [output for output, _ in change]
    try:
        proofs = finish(outputs, [signature for _, signature in change], payment.keyset)
    except BadSignature as error:
        return Result(Ending.OPEN, error=error)
    given = sum(proof.amount for proof in payment.inputs)
    spent = given - sum(proof.amount for proof in proofs)
    if not payment.amount <= spent <= payment.gross:
        problem = f"the mint kept {spent}, agreed were {payment.amount} to {payment.gross}"
        return Result(Ending.OPEN, error=MintUnclear(problem))
    return Result(Ending.SIGNED, tuple(proofs), spent=spent)
