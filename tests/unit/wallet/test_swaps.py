import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

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
from routstr.wallet.proofs import BlindSignature, OwnProof
from routstr.wallet.swaps import Ending, Result, Swap, resume, run
from tests.unit.wallet.played_mint import (
    Gate,
    Oddity,
    PlayedMint,
    fail,
    lose_answer,
    refuse,
    twist,
    wait_for,
)
from tests.unit.wallet.signing import Signer

LOST = MintUnclear("no answer")


@pytest.fixture
def mint() -> PlayedMint:
    return PlayedMint()


def a_swap(
    mint: PlayedMint, amounts: Sequence[int] = (4, 1), wanted: Sequence[int] = (1, 4)
) -> Swap:
    signer = next(iter(mint.signers.values()))
    return Swap(mint, signer.keyset, mint.token(*amounts).proofs, signer.outputs(wanted))


def amounts(result: Result) -> list[int]:
    return [proof.amount for proof in result.proofs]


async def test_a_swap_brings_proofs_of_the_amounts_asked_for(mint: PlayedMint) -> None:
    result = await run(a_swap(mint))
    assert result.ending is Ending.SIGNED
    assert amounts(result) == [1, 4]
    assert all(isinstance(proof, OwnProof) for proof in result.proofs)
    assert (mint.calls["swap"], mint.calls["restore"], mint.calls["check_state"]) == (1, 0, 0)


async def test_many_outputs_are_finished_without_the_event_loop(mint: PlayedMint) -> None:
    result = await run(a_swap(mint, [8, 1], [1] * 9))
    assert amounts(result) == [1] * 9


@pytest.mark.parametrize("error", [MintBusy(7), MintDown("no connection")])
async def test_what_was_never_sent_is_refused_without_a_question(
    mint: PlayedMint, error: MintError
) -> None:
    mint.next(fail(error))
    result = await run(a_swap(mint))
    assert (result.ending, result.error, result.sent) == (Ending.REFUSED, error, False)
    assert (mint.calls["restore"], mint.calls["check_state"]) == (0, 0)


async def test_a_lost_answer_is_restored_and_nothing_is_swapped_twice(mint: PlayedMint) -> None:
    mint.next(lose_answer(LOST))
    result = await run(a_swap(mint))
    assert (result.ending, amounts(result)) == (Ending.SIGNED, [1, 4])
    assert (mint.calls["swap"], mint.circulation) == (1, 1)


async def test_a_request_that_got_lost_is_repeated_to_the_letter(mint: PlayedMint) -> None:
    mint.next(fail(LOST))
    result = await run(a_swap(mint))
    assert (result.ending, amounts(result)) == (Ending.SIGNED, [1, 4])
    assert mint.swaps[0] == mint.swaps[1]
    assert mint.circulation == 1


async def test_a_busy_mint_is_asked_whether_it_swapped_all_the_same(mint: PlayedMint) -> None:
    mint.next(lose_answer(MintBusy(7, sent=True)))
    swap = a_swap(mint)
    assert (await run(swap)).ending is Ending.OPEN
    assert (await resume(swap)).ending is Ending.SIGNED
    assert (mint.calls["swap"], mint.circulation) == (1, 1)


@pytest.mark.parametrize("again", [fail(LOST), fail(MintDown("gone")), fail(MintBusy(1))])
async def test_what_stays_unclear_stays_open(mint: PlayedMint, again: Oddity) -> None:
    mint.next(fail(LOST), again)
    assert (await run(a_swap(mint))).ending is Ending.OPEN


@pytest.mark.parametrize("method", ["restore", "check_state"])
@pytest.mark.parametrize("error", [MintDown("gone"), MintBusy(1), LOST, MintRefusal(None, "no")])
async def test_while_the_mint_cannot_be_asked_it_stays_open(
    mint: PlayedMint, method: str, error: MintError
) -> None:
    swap = a_swap(mint)
    mint.next(lose_answer(LOST))
    mint.broken[method] = error
    mint.hidden.update(output.blinded for output in swap.outputs)
    result = await run(swap)
    assert (result.ending, result.error) == (Ending.OPEN, error)
    mint.broken.clear()
    mint.hidden.clear()
    assert (await resume(swap)).ending is Ending.SIGNED
    assert mint.circulation == 1


async def test_inputs_that_someone_else_spent_are_spent(mint: PlayedMint) -> None:
    swap = a_swap(mint)
    mint.states[swap.inputs[1].y()] = ProofState.SPENT
    result = await run(swap)
    assert result.ending is Ending.SPENT
    assert isinstance(result.error, MintRefusal)
    assert result.error.code == MintCode.PROOFS_SPENT


async def test_spent_by_ourselves_between_the_two_questions_is_signed(mint: PlayedMint) -> None:
    """The swap under way is carried out after restore and before checkstate."""
    swap = a_swap(mint)

    class Slow(PlayedMint):
        async def check_state(self, ys: Sequence[bytes], **_: float | None) -> list[ProofState]:
            if not self.circulation:
                self._swap(swap.inputs, swap.outputs)
            return await super().check_state(ys)

    slow = Slow(*mint.signers.values())
    slow.next(fail(LOST))
    result = await run(replace(swap, mint=slow))
    assert (result.ending, amounts(result)) == (Ending.SIGNED, [1, 4])
    assert (slow.circulation, slow.calls["restore"], slow.calls["swap"]) == (1, 2, 1)


async def test_pending_inputs_keep_it_open(mint: PlayedMint) -> None:
    swap = a_swap(mint)
    mint.states[swap.inputs[0].y()] = ProofState.PENDING
    result = await run(swap)
    assert result.ending is Ending.OPEN
    assert not result.keyset_outdated
    del mint.states[swap.inputs[0].y()]
    assert (await resume(swap)).ending is Ending.SIGNED


async def test_a_refusal_with_free_inputs_is_refused(mint: PlayedMint) -> None:
    mint.next(refuse(MintCode.PROOFS_INVALID))
    result = await run(a_swap(mint))
    assert (result.ending, result.sent, result.keyset_outdated) == (Ending.REFUSED, True, False)
    assert (mint.calls["restore"], mint.calls["check_state"]) == (1, 1)


@pytest.mark.parametrize(
    "code",
    [
        MintCode.KEYSET_INACTIVE,
        MintCode.KEYSET_EXPIRED,
        MintCode.KEYSET_UNKNOWN,
        MintCode.UNBALANCED,
        MintCode.TRANSACTION,
    ],
)
async def test_a_refusal_for_the_keyset_or_its_fee_says_so(
    mint: PlayedMint, code: MintCode
) -> None:
    mint.next(refuse(code))
    assert (await run(a_swap(mint))).keyset_outdated


@pytest.mark.parametrize("state", [ProofState.PENDING, ProofState.SPENT])
async def test_only_a_certain_refusal_may_be_tried_with_another_keyset(
    mint: PlayedMint, state: ProofState
) -> None:
    swap = a_swap(mint)
    mint.next(refuse(MintCode.UNBALANCED))
    mint.states[swap.inputs[0].y()] = state
    assert not (await run(swap)).keyset_outdated


async def test_outputs_signed_before_are_taken_instead(mint: PlayedMint) -> None:
    swap = a_swap(mint)
    await run(swap)
    again = await run(swap)
    assert (again.ending, amounts(again)) == (Ending.SIGNED, [1, 4])
    assert mint.circulation == 1


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        (ProofState.UNSPENT, Ending.REFUSED),
        (ProofState.PENDING, Ending.OPEN),
        (ProofState.SPENT, Ending.SPENT),
    ],
)
async def test_outputs_signed_for_other_inputs_are_not_taken(
    mint: PlayedMint, state: ProofState, ending: Ending
) -> None:
    """A database that was set back counts again what it counted before."""
    earlier = a_swap(mint)
    await run(earlier)
    swap = replace(a_swap(mint), outputs=earlier.outputs)
    mint.states[swap.inputs[0].y()] = state
    assert [(await run(swap)).ending, (await resume(swap)).ending] == [ending, ending]
    assert mint.circulation == 1


async def test_a_resumed_swap_that_was_done_is_not_sent_again(mint: PlayedMint) -> None:
    swap = a_swap(mint)
    done = await run(swap)
    resumed = await resume(swap)
    assert resumed == done
    assert mint.calls["swap"] == 1


async def test_a_resumed_swap_whose_inputs_went_elsewhere_says_so(mint: PlayedMint) -> None:
    swap = a_swap(mint)
    mint.states[swap.inputs[0].y()] = ProofState.SPENT
    result = await resume(swap)
    assert result.ending is Ending.SPENT
    assert "spent and has signed nothing" in str(result.error)


async def test_a_resumed_swap_that_was_never_made_is_made(mint: PlayedMint) -> None:
    result = await resume(a_swap(mint))
    assert (result.ending, mint.circulation) == (Ending.SIGNED, 1)


async def test_a_resumed_swap_that_the_mint_refuses_is_refused(mint: PlayedMint) -> None:
    mint.next(refuse(MintCode.KEYSET_INACTIVE))
    result = await resume(a_swap(mint))
    assert (result.ending, result.keyset_outdated) == (Ending.REFUSED, True)


async def test_a_rotated_keyset_is_noticed(mint: PlayedMint) -> None:
    swap = a_swap(mint)
    mint.rotate(Signer(fee=100))
    result = await run(swap)
    assert (result.ending, result.keyset_outdated) == (Ending.REFUSED, True)


async def test_a_part_of_the_signatures_keeps_it_open(mint: PlayedMint) -> None:
    swap = a_swap(mint)
    mint.next(lose_answer(LOST))
    mint.hidden.add(swap.outputs[0].blinded)
    result = await run(swap)
    assert result.ending is Ending.OPEN
    assert "a part" in str(result.error)
    mint.hidden.clear()
    assert (await resume(swap)).ending is Ending.SIGNED


async def test_a_bad_signature_keeps_it_open(mint: PlayedMint) -> None:
    stranger = Signer(fee=9)
    swap = a_swap(mint)

    def forge(signatures: tuple[BlindSignature, ...]) -> tuple[BlindSignature, ...]:
        forged = stranger.sign(swap.outputs[0])
        return (replace(signatures[0], signed=forged.signed, dleq=forged.dleq), *signatures[1:])

    mint.next(twist(forge))
    result = await run(swap)
    assert result.ending is Ending.OPEN
    assert isinstance(result.error, BadSignature)
    assert (await resume(swap)).ending is Ending.SIGNED
    assert mint.circulation == 1


async def test_two_resumers_at_once_make_one_swap(mint: PlayedMint) -> None:
    gate = Gate()
    mint.next(wait_for(gate))
    swap = a_swap(mint)
    first = asyncio.create_task(resume(swap))
    await gate.reached.wait()
    second = await resume(swap)
    gate.open.set()
    assert {(await first).ending, second.ending} == {Ending.SIGNED}
    assert mint.circulation == 1
