"""The table of the module's head, case by case; whole stories are told in test_minting."""

import pytest

from routstr.wallet import issuing
from routstr.wallet.issuing import Issue
from routstr.wallet.mint_errors import (
    MintBusy,
    MintCode,
    MintDown,
    MintError,
    MintRefusal,
    MintUnclear,
)
from routstr.wallet.mint_types import MintQuoteState
from routstr.wallet.swaps import Ending, Result
from tests.unit.wallet.invoices import InvoiceMint, Ordered
from tests.unit.wallet.played_mint import Oddity, fail, lose_answer, refuse
from tests.unit.wallet.signing import Signer

PAID, UNPAID, ISSUED = MintQuoteState.PAID, MintQuoteState.UNPAID, MintQuoteState.ISSUED
LOST = MintUnclear("no answer")


@pytest.fixture
def mint() -> InvoiceMint:
    made = InvoiceMint(Signer())
    made.ordered["quote"] = Ordered("quote", 11, "sat", "lnbc1", "", PAID)
    return made


def issue(mint: InvoiceMint) -> Issue:
    signer = next(iter(mint.signers.values()))
    return Issue(mint, signer.keyset, "quote", signer.outputs([1, 2, 8]), ("",))


def sign(mint: InvoiceMint, one: Issue) -> None:
    """The outputs were signed some time."""
    signer = mint.signers[one.keyset.id]
    mint.signed.update((output.blinded, signer.sign(output)) for output in one.outputs)


def worth(result: Result) -> int:
    return sum(proof.amount for proof in result.proofs)


@pytest.mark.parametrize(
    ("oddity", "ending"),
    [
        (lose_answer(LOST), Ending.SIGNED),
        (fail(LOST), Ending.SIGNED),
        (fail(MintDown("no connection")), Ending.OPEN),
        (fail(MintBusy(1)), Ending.OPEN),
        (refuse(MintCode.KEYSET_INACTIVE), Ending.REFUSED),
        (refuse(MintCode.KEYSET_UNKNOWN), Ending.REFUSED),
        (lose_answer(MintRefusal(MintCode.KEYSET_INACTIVE, "untrue")), Ending.SIGNED),
        (lose_answer(MintRefusal(MintCode.QUOTE_UNPAID, "untrue")), Ending.SIGNED),
        (refuse(MintCode.QUOTE_UNPAID), Ending.OPEN),
        (refuse(MintCode.QUOTE_PENDING), Ending.OPEN),
        (refuse(MintCode.AMOUNT_OUT_OF_RANGE), Ending.OPEN),
        (refuse(None), Ending.OPEN),
    ],
)
async def test_how_a_first_attempt_ends(mint: InvoiceMint, oddity: Oddity, ending: Ending) -> None:
    mint.next_mint(oddity)
    result = await issuing.run(issue(mint))
    assert result.ending is ending
    assert worth(result) == (11 if ending is Ending.SIGNED else 0)
    assert mint.calls["issued"] == (ending is Ending.SIGNED)


@pytest.mark.parametrize(
    ("signed", "state", "ending"),
    [
        (True, ISSUED, Ending.SIGNED),
        (True, PAID, Ending.REFUSED),
        (True, UNPAID, Ending.OPEN),
        (False, UNPAID, Ending.OPEN),
        (False, PAID, Ending.SIGNED),
        (False, ISSUED, Ending.OPEN),
    ],
)
async def test_how_a_later_attempt_ends(
    mint: InvoiceMint, *, signed: bool, state: MintQuoteState, ending: Ending
) -> None:
    mint.ordered["quote"].state = state
    one = issue(mint)
    if signed:
        sign(mint, one)
    result = await issuing.resume(one)
    assert result.ending is ending
    assert mint.calls["mint"] == (not signed and state is not UNPAID)


@pytest.mark.parametrize(
    ("code", "ending"),
    [(MintCode.KEYSET_EXPIRED, Ending.REFUSED), (MintCode.QUOTE_UNPAID, Ending.OPEN)],
)
async def test_a_later_attempt_that_is_refused(
    mint: InvoiceMint, code: MintCode, ending: Ending
) -> None:
    mint.next_mint(refuse(code))
    assert (await issuing.resume(issue(mint))).ending is ending


async def test_a_quote_that_turns_out_unpaid_at_the_first_request(mint: InvoiceMint) -> None:
    mint.ordered["quote"].state = UNPAID
    assert (await issuing.run(issue(mint))).ending is Ending.REFUSED
    assert (await issuing.resume(issue(mint))).ending is Ending.OPEN


async def test_what_happened_between_two_questions_is_found(mint: InvoiceMint) -> None:
    """Not signed when restore was asked, and issued when the state was."""
    one = issue(mint)
    ask = mint.mint_quote_state

    async def meanwhile(quote_id: str, **_: float | None) -> object:
        sign(mint, one)
        mint.ordered["quote"].state = ISSUED
        return await ask(quote_id)

    mint.mint_quote_state = meanwhile  # type: ignore[method-assign, assignment]
    assert worth(await issuing.resume(one)) == 11


async def test_a_part_of_the_signatures_is_not_enough(mint: InvoiceMint) -> None:
    one = issue(mint)
    sign(mint, one)
    mint.ordered["quote"].state = ISSUED
    mint.hidden.add(one.outputs[0].blinded)
    assert (await issuing.resume(one)).ending is Ending.OPEN


@pytest.mark.parametrize("method", ["restore", "mint_quote_state"])
@pytest.mark.parametrize("error", [LOST, MintDown("no connection"), MintBusy(1)])
async def test_without_an_answer_it_stays_open(
    mint: InvoiceMint, method: str, error: MintError
) -> None:
    mint.broken[method] = error
    result = await issuing.resume(issue(mint))
    assert (result.ending, result.error) == (Ending.OPEN, error)
    assert mint.calls["mint"] == 0


@pytest.mark.parametrize(("state", "ending"), [(PAID, Ending.SIGNED), (ISSUED, Ending.OPEN)])
async def test_a_mint_that_cannot_restore(
    mint: InvoiceMint, state: MintQuoteState, ending: Ending
) -> None:
    mint.can_restore = False
    mint.ordered["quote"].state = state
    assert (await issuing.resume(issue(mint))).ending is ending
