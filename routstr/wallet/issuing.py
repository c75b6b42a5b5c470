"""Taking the ecash of a paid invoice, carried out until it is known what happened (NUT-04, 09).

``run`` is the first attempt, ``resume`` any later one, after a crash or an unclear answer::

    intent stored ── mint ──> signatures ──────────────────────────────────> SIGNED
                       │ refused, or nobody knows: ask
                       ▼
              restore(outputs), then the state of the quote
                       ├ signed, and ISSUED (in between: restore again) ───> SIGNED
                       ├ signed, and PAID: signed long ago for others ─────> REFUSED
                       ├ UNPAID ── the only request was refused for that ──> REFUSED
                       │         └ else ───────────────────────────────────> OPEN
                       ├ none signed, ISSUED ── the identical request: answered > SIGNED
                       │                                 (NUT-19)       └ refused > OPEN
                       └ none signed, PAID ──── the identical request
                                       └ refused ── ask: for the keyset ───> REFUSED
                                                      └ for another reason > OPEN

The identical request cannot be carried out twice: outputs are signed once, and a quote issues once.
Money has come, so a refusal only leads to other outputs: the keyset rotated, or this database is
older than its outputs. A first request that is refused as not paid leaves the quote as it was.
Codes and states decide, never words; what is not known is asked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintCode, MintError, MintRefusal, MintUnclear
from routstr.wallet.mint_types import MintQuoteState
from routstr.wallet.proofs import BlindSignature, PreparedOutput
from routstr.wallet.swaps import Ending, Result, can_restore, finished

_OUTDATED: Final = frozenset(
    {MintCode.KEYSET_INACTIVE, MintCode.KEYSET_EXPIRED, MintCode.KEYSET_UNKNOWN}
)


@dataclass(frozen=True, slots=True)
class Issue:
    """What is asked of the mint; repeating it is always the same request.

    ``signatures`` (NUT-20) are tried in turn until the mint knows the form of one; none: "".
    """

    mint: Mint
    keyset: Keyset
    quote: str
    outputs: Sequence[PreparedOutput]
    signatures: Sequence[str]


class IssuedToOthers(MintUnclear):
    """The mint has issued the ecash of this quote, and not for these outputs."""

    def __init__(self) -> None:
        super().__init__("the mint says that the quote is issued, and has signed nothing for it")


async def run(issue: Issue) -> Result:
    """Make the first attempt."""
    try:
        signatures = await _mint(issue)
    except MintRefusal as error:
        return await _refused(issue, error, only=True)
    except MintUnclear:
        return await resume(issue)
    except MintError as error:  # busy or down: whoever resumes this asks first
        return Result(Ending.OPEN, error=error)
    return await finished(issue.outputs, signatures, issue.keyset)


async def resume(issue: Issue) -> Result:
    """Find out what became of an earlier attempt, and repeat it if nothing did."""
    try:
        restored, state = await _ask(issue)
    except MintError as error:
        return Result(Ending.OPEN, error=error)
    if restored is not None:
        return _signed(restored, state)
    if state is MintQuoteState.UNPAID:
        return Result(Ending.OPEN, error=MintUnclear("the mint takes back that it was paid"))
    try:
        signatures = await _mint(issue)
    except MintRefusal as error:
        if state is MintQuoteState.ISSUED:
            return Result(Ending.OPEN, error=IssuedToOthers())
        return await _refused(issue, error, only=False)
    except MintError as error:
        return Result(Ending.OPEN, error=error)
    return await finished(issue.outputs, signatures, issue.keyset)


async def _mint(issue: Issue) -> Sequence[BlindSignature]:
    *others, last = issue.signatures
    for signature in others:
        try:
            return await issue.mint.mint(issue.quote, issue.outputs, signature=signature)
        except MintRefusal as error:
            if error.code != MintCode.QUOTE_SIGNATURE_INVALID:
                raise
    return await issue.mint.mint(issue.quote, issue.outputs, signature=last)


async def _refused(issue: Issue, reason: MintRefusal, *, only: bool) -> Result:
    """``only``: no request was made but the one that was refused for this ``reason``."""
    try:
        restored, state = await _ask(issue)
    except MintError as error:
        return Result(Ending.OPEN, error=error)
    if restored is not None:
        return _signed(restored, state)
    outdated = state is MintQuoteState.PAID and reason.code in _OUTDATED
    unpaid = state is MintQuoteState.UNPAID and reason.code == MintCode.QUOTE_UNPAID
    undone = outdated or (only and unpaid)
    return Result(Ending.REFUSED if undone else Ending.OPEN, error=reason)


async def _ask(issue: Issue) -> tuple[Result | None, MintQuoteState]:
    """Return what the mint has signed of the outputs, and how far it says that the quote is."""
    restored = await _restored(issue)
    state = (await issue.mint.mint_quote_state(issue.quote)).state
    if restored is None and state is MintQuoteState.ISSUED:
        restored = await _restored(issue)  # it may have happened between the two questions
    return restored, state


def _signed(restored: Result, state: MintQuoteState) -> Result:
    """Tell whether outputs that are signed were signed for this quote."""
    if state is MintQuoteState.PAID and restored.ending is Ending.SIGNED:
        reason = "the outputs were signed before, and not for this quote"
        return Result(Ending.REFUSED, error=MintRefusal(MintCode.OUTPUTS_SIGNED, reason))
    if state is MintQuoteState.UNPAID:
        return Result(Ending.OPEN, error=MintUnclear("the outputs are signed, the quote is unpaid"))
    return restored


async def _restored(issue: Issue) -> Result | None:
    """Return what the mint has signed of the outputs; None: nothing, or it cannot tell (NUT-09)."""
    try:
        restored = await issue.mint.restore(issue.outputs)
    except (MintRefusal, MintUnclear):
        if await can_restore(issue.mint):
            raise
        return None
    if not restored:
        return None
    if len(restored) != len(issue.outputs):
        return Result(Ending.OPEN, error=MintUnclear("the mint restored only a part"))
    return await finished(issue.outputs, [one.signature for one in restored], issue.keyset)
