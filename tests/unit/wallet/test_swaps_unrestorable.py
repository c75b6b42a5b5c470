"""A mint without NUT-09: what the states of the inputs prove, and what they do not."""

import pytest

from routstr.wallet.mint_errors import MintCode, MintDown, MintError, MintRefusal, MintUnclear
from routstr.wallet.mint_types import ProofState
from routstr.wallet.swaps import Ending, Result, Unprovable, resume, run
from tests.unit.wallet.played_mint import Oddity, PlayedMint, fail, lose_answer, refuse
from tests.unit.wallet.test_swaps import a_swap

LOST = MintUnclear("no answer")


@pytest.fixture
def mint() -> PlayedMint:
    mint = PlayedMint()
    mint.can_restore = False
    return mint


async def test_a_refusal_with_free_inputs_is_final(mint: PlayedMint) -> None:
    mint.next(refuse(MintCode.KEYSET_INACTIVE))
    result = await run(a_swap(mint))
    assert result.ending is Ending.REFUSED
    assert result.keyset_outdated


async def test_after_a_lost_request_the_refusal_of_its_repetition_is_final(
    mint: PlayedMint,
) -> None:
    mint.next(fail(LOST), refuse(MintCode.KEYSET_INACTIVE))
    swap = a_swap(mint)
    result = await run(swap)
    assert result.ending is Ending.REFUSED
    assert mint.swaps == [(swap.inputs, swap.outputs)] * 2


async def test_a_lost_request_is_made_again(mint: PlayedMint) -> None:
    mint.next(fail(LOST))
    assert (await run(a_swap(mint))).ending is Ending.SIGNED
    assert mint.circulation == 1


async def test_the_only_request_refused_for_spent_inputs_was_too_late(mint: PlayedMint) -> None:
    swap = a_swap(mint)
    mint.states[swap.inputs[1].y()] = ProofState.SPENT
    assert (await run(swap)).ending is Ending.SPENT


def is_for_the_operator(result: Result) -> bool:
    return result.ending is Ending.OPEN and isinstance(result.error, Unprovable)


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_after_a_lost_answer_spent_inputs_may_be_ours(
    mint: PlayedMint, *, elsewhere: bool
) -> None:
    swap = a_swap(mint)
    mint.next(fail(LOST) if elsewhere else lose_answer(LOST))
    if elsewhere:
        mint.states[swap.inputs[0].y()] = ProofState.SPENT
    for result in (await run(swap), await resume(swap)):
        assert is_for_the_operator(result)
        assert "cannot say by whom" in str(result.error)
    assert mint.circulation == (0 if elsewhere else 1)


async def test_any_other_refusal_does_not_prove_who_spent(mint: PlayedMint) -> None:
    swap = a_swap(mint)
    mint.states[swap.inputs[0].y()] = ProofState.SPENT
    mint.next(refuse(MintCode.OUTPUTS_SIGNED))
    assert is_for_the_operator(await run(swap))


async def test_a_mint_that_repeats_its_answers_tells_by_repeating_it(mint: PlayedMint) -> None:
    mint.repeats = True
    mint.next(lose_answer(LOST))
    result = await run(a_swap(mint))
    assert (result.ending, [proof.amount for proof in result.proofs]) == (Ending.SIGNED, [1, 4])
    assert mint.circulation == 1


async def test_pending_inputs_keep_it_open(mint: PlayedMint) -> None:
    swap = a_swap(mint)
    mint.states[swap.inputs[0].y()] = ProofState.PENDING
    result = await run(swap)
    assert result.ending is Ending.OPEN
    assert not is_for_the_operator(result)


@pytest.mark.parametrize("error", [LOST, MintDown("gone"), MintRefusal(None, "no")])
async def test_without_states_it_stays_open(mint: PlayedMint, error: MintError) -> None:
    mint.broken["check_state"] = error
    mint.next(refuse())
    result = await run(a_swap(mint))
    assert (result.ending, result.error) == (Ending.OPEN, error)


@pytest.mark.parametrize("oddity", [refuse(), lose_answer(LOST)])
async def test_a_mint_that_does_not_say_that_it_lacks_it_may_have_it(
    mint: PlayedMint, oddity: Oddity
) -> None:
    mint.broken["info"] = MintDown("gone")
    swap = a_swap(mint)
    mint.next(oddity)
    assert (await run(swap)).ending is Ending.OPEN
    mint.can_restore = True
    assert (await resume(swap)).ending is Ending.SIGNED
    assert mint.circulation == 1
