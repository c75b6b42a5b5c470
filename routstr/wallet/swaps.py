"""One swap at a mint, carried out until it is known what happened (NUT-03, 07, 09).

Both sagas of this package come down to this. ``run`` is the first attempt, ``resume`` any later
one, after a crash or an unclear answer::

    intent stored ── swap ──> signatures ───────────────────────────────> SIGNED
                       │ refused, or nobody knows: ask
                       ▼
              restore(outputs): signed, and all inputs are SPENT ───────> SIGNED
                       │ none signed
                       ▼
              checkstate(inputs): some SPENT ── restore again: signed ──> SIGNED
                       │                             └─ none ───────────> SPENT elsewhere
                       ├ some PENDING ──────────────────────────────────> OPEN
                       └ all UNSPENT ── refused, and it is certain ─────> REFUSED
                                     └─ resume: the identical swap again

Outputs that are signed while the inputs are free were signed for others: another wallet has this
seed, or the database is older than they are. Whoever began the swap tries it with later counters.
The second restore closes the gap in which a swap that was still under way is carried out between
the two questions. Nothing is decided by a timer; while the mint does not answer, or asks to wait,
it stays OPEN.

A mint that says that it cannot restore (NUT-06) is asked for the inputs alone. A swap spends all of
its inputs or none, so this can be proven::

    all UNSPENT, and the identical swap is refused ──────────────> REFUSED
    some SPENT ─ the only request ever made was refused for it ──> SPENT elsewhere
               └ else the identical swap again: answered (NUT-19) > SIGNED
                                             └ refused ──────────> OPEN: nobody knows by whom
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import (
    BadSignature,
    MintBusy,
    MintCode,
    MintDown,
    MintError,
    MintRefusal,
    MintUnclear,
)
from routstr.wallet.mint_types import ProofState
from routstr.wallet.proofs import BlindSignature, OwnProof, PreparedOutput, TokenProof, finish

_RESTORE: Final = 9  # the NUT
_THREAD_WORTH: Final = 8  # outputs above which the curve arithmetic leaves the event loop
_OUTDATED: Final = frozenset(
    {
        MintCode.KEYSET_INACTIVE,
        MintCode.KEYSET_EXPIRED,
        MintCode.KEYSET_UNKNOWN,
        MintCode.OUTPUTS_SIGNED,
        MintCode.UNBALANCED,
        MintCode.TRANSACTION,
    }
)


class Ending(Enum):
    """How far a swap is known to be."""

    SIGNED = "signed"
    SPENT = "spent"  # the inputs were spent by someone else
    REFUSED = "refused"  # the mint did not do it and the inputs are free
    OPEN = "open"


class Unprovable(MintUnclear):
    """The inputs are spent, perhaps by this very swap: only the mint's operator can tell."""

    def __init__(self) -> None:
        super().__init__("the inputs are spent, and this mint cannot say by whom (no NUT-09)")


@dataclass(frozen=True, slots=True)
class Swap:
    """What is asked of the mint; repeating it is always the same request."""

    mint: Mint
    keyset: Keyset
    inputs: Sequence[TokenProof]
    outputs: Sequence[PreparedOutput]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a swap. ``sent`` is false when the mint cannot have seen it at all."""

    ending: Ending
    proofs: tuple[OwnProof, ...] = ()
    error: MintError | None = None
    sent: bool = True

    @property
    def keyset_outdated(self) -> bool:
        """Whether nothing was done, and another keyset, fee or counter would have been accepted."""
        return (
            self.ending is Ending.REFUSED
            and isinstance(self.error, MintRefusal)
            and self.error.code in _OUTDATED
        )


async def run(swap: Swap) -> Result:
    """Make the first attempt."""
    try:
        signatures = await swap.mint.swap(swap.inputs, swap.outputs)
    except MintBusy as error:
        if error.sent:  # and it rests now: whoever resumes this asks it
            return Result(Ending.OPEN, error=error)
        return Result(Ending.REFUSED, error=error, sent=False)
    except MintDown as error:
        return Result(Ending.REFUSED, error=error, sent=False)
    except MintRefusal as error:
        return await _ask(swap, error, only=True)
    except MintUnclear:
        return await resume(swap)  # identical, so it cannot be done twice
    return await finished(swap.outputs, signatures, swap.keyset)


async def resume(swap: Swap) -> Result:
    """Find out what became of an earlier attempt, and repeat it if nothing did."""
    found = await _ask(swap, MintUnclear("the mint has not said what became of it"))
    if found.ending is not Ending.REFUSED and not isinstance(found.error, Unprovable):
        return found
    try:
        signatures = await swap.mint.swap(swap.inputs, swap.outputs)
    except MintRefusal as error:
        return await _ask(swap, error)
    except MintError as error:
        return Result(Ending.OPEN, error=error)
    return await finished(swap.outputs, signatures, swap.keyset)


async def _ask(swap: Swap, reason: MintError, *, only: bool = False) -> Result:
    """Restore, look at the inputs, restore once more: see the module's table.

    ``only``: no request was made but the one that was refused for this ``reason``.
    """
    try:
        restored = await _restore(swap)
    except (MintRefusal, MintUnclear) as error:
        if await can_restore(swap.mint):
            return Result(Ending.OPEN, error=error)
        return await _ask_for_inputs(swap, reason, only=only)
    except MintError as error:
        return Result(Ending.OPEN, error=error)
    try:
        states = await _states(swap)
        if restored is not None and set(states) == {ProofState.SPENT}:
            return restored
        if ProofState.SPENT in states:
            again = None if restored is not None else await _restore(swap)
            return again or _spent(reason)
    except MintError as error:
        return Result(Ending.OPEN, error=error)
    return _unspent(states, reason)


async def _ask_for_inputs(swap: Swap, reason: MintError, *, only: bool) -> Result:
    try:
        states = await _states(swap)
    except MintError as error:
        return Result(Ending.OPEN, error=error)
    if ProofState.SPENT not in states:
        return _unspent(states, reason)
    if only and isinstance(reason, MintRefusal) and reason.code == MintCode.PROOFS_SPENT:
        return Result(Ending.SPENT, error=reason)
    return Result(Ending.OPEN, error=Unprovable())


def _spent(reason: MintError) -> Result:
    if not isinstance(reason, MintRefusal):
        reason = MintUnclear("the mint counts the inputs as spent and has signed nothing for them")
    return Result(Ending.SPENT, error=reason)


def _unspent(states: Sequence[ProofState], reason: MintError) -> Result:
    pending = ProofState.PENDING in states
    return Result(Ending.OPEN if pending else Ending.REFUSED, error=reason)


async def _states(swap: Swap) -> list[ProofState]:
    return await swap.mint.check_state([proof.y() for proof in swap.inputs])


async def can_restore(mint: Mint) -> bool:
    """Whether the mint does not say that it lacks NUT-09; a mint that is silent may have it."""
    try:
        return (await mint.info()).supports(_RESTORE)
    except MintError:
        return True


async def _restore(swap: Swap) -> Result | None:
    """Return what the mint has signed of these outputs; None when it signed none (NUT-09)."""
    # as blanks: what was signed for others has other amounts, and is no reason to doubt the mint
    restored = await swap.mint.restore([replace(output, amount=0) for output in swap.outputs])
    if not restored:
        return None
    if len(restored) != len(swap.outputs):
        return Result(Ending.OPEN, error=MintUnclear("the mint restored only a part"))
    return await finished(swap.outputs, [entry.signature for entry in restored], swap.keyset)


async def finished(
    outputs: Sequence[PreparedOutput], signatures: Sequence[BlindSignature], keyset: Keyset
) -> Result:
    """Turn a mint's answer into proofs; a signature that is not right leaves it OPEN."""
    try:
        if len(signatures) < _THREAD_WORTH:
            proofs = finish(outputs, signatures, keyset)
        else:
            proofs = await asyncio.to_thread(finish, outputs, signatures, keyset)
    except BadSignature as error:
        return Result(Ending.OPEN, error=error)
    return Result(Ending.SIGNED, tuple(proofs))
