import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from routstr.errors import (
    BalanceTooSmall,
    InsufficientBalance,
    InsufficientLiquidity,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    RedemptionPending,
    RoutstrError,
    UntrustedMint,
)
from routstr.money import Msat, Unit
from routstr.wallet import purse, sagas, token
from routstr.wallet.mint_errors import (
    MintBusy,
    MintCode,
    MintDown,
    MintError,
    MintRefusal,
    MintUnclear,
)
from routstr.wallet.mint_types import ProofState
from routstr.wallet.models import ProofStatus, SagaState
from routstr.wallet.proofs import finish, make_outputs
from routstr.wallet.send import TOKEN_PROOFS_MAX, _Taken, spendable
from routstr.wallet.service import mark_claimed
from tests.unit.wallet.played_mint import Gate, PlayedMint, fail, lose_answer, refuse, wait_for
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import ACCOUNT, SEED, World, grow_old, open_world

LOST = MintUnclear("no answer")
FREE, GIVEN, BUSY = ProofStatus.UNSPENT, ProofStatus.ISSUED, ProofStatus.RESERVED


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture
async def dear(tmp_path: Path) -> AsyncIterator[World]:
    """Its mint takes 100 thousandths per proof."""
    async with open_world(tmp_path, PlayedMint(Signer(fee=100))) as world:
        yield world


async def stock(world: World, *amounts: int) -> None:
    """Put proofs of exactly these amounts into the purse, as deposits would."""
    signer = next(one for one in world.mint.signers.values() if one.info.active)
    await world.house.mints.keysets(world.mint)
    first = await world.db.write(lambda tx: purse.next_counters(tx, signer.id, len(amounts)))
    outputs = make_outputs(SEED, signer.id, amounts, first_counter=first)
    proofs = finish(outputs, [signer.sign(output) for output in outputs], signer.keyset)
    await world.db.write(lambda tx: purse.add_proofs(tx, world.mint.url, proofs, FREE, None))


def worth(text: str) -> list[int]:
    return sorted(proof.amount for proof in token.decode(text).proofs)


async def redeem(world: World, text: str) -> int:
    """Let another wallet swap a token at the mint; what arrives, net of the fee."""
    given = token.expand(token.decode(text), world.mint.signers)
    signer = next(one for one in world.mint.signers.values() if one.info.active)
    fee = -(-signer.info.input_fee_ppk * len(given.proofs) // 1000)
    outputs = signer.outputs([1] * (given.amount - fee))
    await world.mint.swap(given.proofs, outputs)
    return given.amount - fee


async def test_matching_proofs_are_given_as_they_are(world: World) -> None:
    await stock(world, 8, 4, 1)
    saga, text = await world.house.send(9)

    assert worth(text) == [1, 8]
    assert (saga.state, saga.gross, saga.fee) == (SagaState.DONE, 9, 0)
    assert await world.purse() == {FREE: 4, GIVEN: 9}
    assert (world.mint.calls["swap"], world.house.till.story) == (0, (1, 1, 0))
    assert await redeem(world, text) == 9


async def test_matching_proofs_cost_no_fee(dear: World) -> None:
    await stock(dear, 8, 4, 1)
    saga, text = await dear.house.send(9)
    assert (saga.fee, worth(text)) == (0, [1, 8])


async def test_what_does_not_match_is_swapped_and_the_change_is_kept(world: World) -> None:
    await stock(world, 16, 4)
    saga, text = await world.house.send(9)

    assert (worth(text), saga.fee) == ([1, 8], 0)
    assert await world.purse() == {FREE: 11, GIVEN: 9}
    assert (world.mint.circulation, world.house.till.story) == (1, (1, 1, 0))
    assert await redeem(world, text) == 9
    assert (await world.house.send(11))[0].state is SagaState.DONE, "the change can be spent"


async def test_the_receiver_bears_the_fee_of_the_swap(dear: World) -> None:
    await stock(dear, 16, 4)
    saga, text = await dear.house.send(9)

    assert (saga.gross, saga.fee, worth(text)) == (9, 1, [8])
    assert await dear.purse() == {FREE: 11, GIVEN: 8}
    assert await redeem(dear, text) == 7


async def test_few_inputs_are_chosen_so_that_the_fee_is_small(dear: World) -> None:
    await stock(dear, 64, *[1] * 40)
    saga, text = await dear.house.send(36)
    assert (saga.fee, sum(worth(text))) == (1, 35)


async def test_many_small_proofs_do_when_there_are_no_others(dear: World) -> None:
    await stock(dear, *[1] * 30)
    saga, text = await dear.house.send(25)
    assert (saga.fee, sum(worth(text))) == (3, 22)
    assert len(token.decode(text).proofs) <= TOKEN_PROOFS_MAX


async def test_msat_are_sent_too(tmp_path: Path) -> None:
    async with open_world(tmp_path, PlayedMint(Signer(), Signer(unit="msat"))) as world:
        signer = next(s for s in world.mint.signers.values() if s.info.unit == "msat")
        await world.house.receive(world.mint.token(8, 4, signer=signer))
        saga, text = await world.house.send(5, unit=Unit.MSAT)
        assert (saga.unit, worth(text)) == (Unit.MSAT, [1, 4])


async def test_the_token_is_stored_sealed_before_it_is_told(world: World) -> None:
    await stock(world, 8)
    saga, text = await world.house.send(8)

    stored = await world.scalar("SELECT token FROM issued_tokens")
    assert token.decode(text).proofs[0].secret.encode() not in stored
    assert await world.house.sender.text(saga.id) == text
    (issued,) = await world.db.read(lambda c: purse.issued_to(c, ACCOUNT, 9))
    assert (issued.saga, issued.amount) == (saga.id, 8)


async def test_a_token_is_claimed_when_the_mint_says_so(world: World) -> None:
    await stock(world, 8, 4)
    _, text = await world.house.send(12)
    (issued,) = await world.db.read(lambda c: purse.issued_to(c, ACCOUNT, 9))
    claimed = partial(world.house.sender.claimed, issued.mint, [issued.saga])
    assert await claimed() == set()
    await redeem(world, text)
    assert await claimed() == {issued.saga}
    world.mint.broken["check_state"] = MintDown("gone")
    with pytest.raises(MintUnreachable):
        await claimed()


async def test_one_question_tells_which_of_many_tokens_are_claimed(world: World) -> None:
    await stock(world, 8, 4, 2, 1)
    texts = [(await world.house.send(amount))[1] for amount in (8, 6, 1)]
    issued = await world.db.read(lambda c: purse.issued_to(c, ACCOUNT, 9))
    await redeem(world, texts[1])
    redeemed = await world.house.sender.claimed(issued[0].mint, [one.saga for one in issued])
    assert (redeemed, world.mint.calls["check_state"]) == ({issued[1].saga}, 1)


async def test_a_claim_that_was_booked_meanwhile_is_no_question(world: World) -> None:
    await stock(world, 8)
    await world.house.send(8)
    (issued,) = await world.db.read(lambda c: purse.issued_to(c, ACCOUNT, 9))
    assert await world.db.write(lambda tx: mark_claimed(tx, issued, 1))
    assert await world.house.sender.claimed(issued.mint, [issued.saga]) == {issued.saga}
    assert world.mint.calls["check_state"] == 0


async def test_a_fee_that_eats_everything_is_refused_before_anything(dear: World) -> None:
    await stock(dear, 4)
    with pytest.raises(BalanceTooSmall) as raised:
        await dear.house.send(1)
    assert raised.value.details == {"mint_fee": 1, "amount": 1, "unit": "sat"}
    assert await dear.states() == []


async def test_too_little_is_told_at_once_with_the_place(world: World) -> None:
    await stock(world, 8)
    with pytest.raises(InsufficientLiquidity) as raised:
        await world.house.send(9)
    assert raised.value.details == {"mint": world.mint.url, "unit": "sat"}
    assert await world.states() == []


async def test_a_mint_that_is_not_listed_is_not_asked(world: World) -> None:
    with pytest.raises(UntrustedMint):
        await world.house.send(1, mint="https://other.example")
    assert not world.mint.calls


@pytest.mark.parametrize("gross", [8, 3], ids=["exact", "swap"])
async def test_a_refused_intent_leaves_everything_as_it_was(world: World, gross: int) -> None:
    await stock(world, 8)
    world.house.till.refusal = InsufficientBalance()
    with pytest.raises(InsufficientBalance):
        await world.house.send(gross)
    assert await world.states() == []
    assert await world.purse() == {FREE: 8}
    assert await world.scalar("SELECT counter FROM keysets") == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MintBusy(3), MintRateLimited),
        (MintDown("gone"), MintUnreachable),
        (MintRefusal(MintCode.TOO_MANY_INPUTS, "too many"), MintRefused),
    ],
)
async def test_what_the_mint_refuses_is_undone(
    world: World, error: MintError, told: type[RoutstrError]
) -> None:
    await stock(world, 8)
    world.mint.next(fail(error))
    with pytest.raises(told):
        await world.house.send(3)
    assert await world.states() == [SagaState.FAILED]
    assert (await world.purse(), world.house.till.story) == ({FREE: 8}, (1, 0, 1))

    _, text = await world.house.send(3)
    assert worth(text) == [1, 2]


async def test_a_lost_answer_is_no_trouble(world: World) -> None:
    await stock(world, 8)
    world.mint.next(lose_answer(LOST))
    _, text = await world.house.send(3)
    assert (world.mint.circulation, await redeem(world, text)) == (1, 3)
    assert await world.purse() == {FREE: 5, GIVEN: 3}


async def test_an_unclear_end_stays_open_and_is_finished_later(world: World) -> None:
    await stock(world, 8)
    world.mint.next(lose_answer(LOST))
    world.mint.broken["restore"] = MintDown("gone")
    with pytest.raises(RedemptionPending) as raised:
        await world.house.send(3)
    assert raised.value.headers == {"Retry-After": "5"}
    assert await world.states() == [SagaState.OPEN]
    assert await world.purse() == {BUSY: 8}
    ((pending, gross),) = [
        (send.id, send.gross)
        for send in await world.db.read(lambda c: sagas.open_sends_of(c, ACCOUNT))
    ]
    assert gross == Msat(3_000)
    with pytest.raises(RedemptionPending):
        await world.house.sender.finish(pending)

    world.mint.broken.clear()
    finished = await world.house.sender.finish(pending)
    assert finished.state is SagaState.DONE
    assert await redeem(world, await world.house.sender.text(pending)) == 3
    assert (world.mint.circulation, world.house.till.story) == (2, (1, 1, 0))


async def test_a_refusal_found_out_later_is_undone_then(world: World) -> None:
    await stock(world, 8)
    world.mint.next(fail(LOST), fail(LOST))
    with pytest.raises(RedemptionPending):
        await world.house.send(3)
    world.mint.next(refuse(MintCode.TOO_MANY_INPUTS))
    finished = await world.house.sender.finish(1)
    assert finished.state is SagaState.FAILED
    assert (await world.purse(), world.house.till.story) == ({FREE: 8}, (1, 0, 1))


async def test_own_proofs_that_are_gone_at_the_mint_are_given_up_after_a_minute(
    world: World,
) -> None:
    await stock(world, 8)
    stored = await world.db.read(lambda c: purse.stored(c, [1]))
    world.mint.states[spendable(SEED, stored)[0].y()] = ProofState.SPENT
    with pytest.raises(RedemptionPending):
        await world.house.send(3)
    with pytest.raises(RedemptionPending):
        await world.house.sender.finish(1)
    assert await world.states() == [SagaState.OPEN], "it may be under way"
    assert (await world.purse(), world.house.till.story) == ({BUSY: 8}, (1, 0, 0))

    await grow_old(world)
    assert (await world.house.sender.finish(1)).state is SagaState.FAILED
    assert (await world.purse(), world.house.till.story) == ({FREE: 8}, (1, 0, 1))
    with pytest.raises(InsufficientLiquidity):  # it is doubted
        await world.house.send(3)
    await stock(world, 4)
    assert (await world.house.send(3))[0].state is SagaState.DONE


async def test_a_pending_answer_is_never_tried_a_second_time(world: World) -> None:
    """Only a certain refusal may be repeated with another keyset: else two tokens are paid for."""
    await stock(world, 8, 8)
    world.mint.next(refuse(MintCode.UNBALANCED))
    for proof in await world.db.read(lambda c: purse.stored(c, [1, 2])):
        y = spendable(SEED, [proof])[0].y()
        world.mint.states[y] = ProofState.PENDING
    with pytest.raises(RedemptionPending):
        await world.house.send(3)
    assert await world.states() == [SagaState.OPEN]


async def test_a_rotated_keyset_is_read_anew(world: World) -> None:
    await stock(world, 8)
    world.mint.rotate(dear := Signer(fee=100))
    saga, text = await world.house.send(3)

    assert (saga.plan.keyset, worth(text)) == (dear.id, [1, 2])
    assert await world.states() == [SagaState.FAILED, SagaState.DONE]
    assert world.mint.calls["keysets"] == 2


async def test_a_fee_that_changes_in_between_is_read_anew(tmp_path: Path) -> None:
    signer = Signer(version=1)
    async with open_world(tmp_path, PlayedMint(signer)) as world:
        await stock(world, 8)
        signer.info = replace(signer.info, input_fee_ppk=100)
        saga, text = await world.house.send(3)
        assert (saga.fee, worth(text)) == (1, [2])
        assert await world.purse() == {FREE: 5, GIVEN: 2}


async def test_a_mint_that_never_likes_the_keyset_is_believed_in_the_end(world: World) -> None:
    await stock(world, 8)
    world.mint.next(*(refuse(MintCode.UNBALANCED) for _ in range(5)))
    with pytest.raises(MintRefused):
        await world.house.send(3)
    assert await world.states() == [SagaState.FAILED] * 5
    assert await world.purse() == {FREE: 8}


async def test_a_keyset_that_cannot_hold_the_amount_pays_nothing(world: World) -> None:
    await stock(world, 8)
    world.mint.rotate(Signer([4], fee=200))
    await world.house.mints.keysets(world.mint, fresh=True)
    with pytest.raises(InsufficientLiquidity, match="cannot hold"):
        await world.house.send(3)
    assert await world.purse() == {FREE: 8}


async def test_many_at_once_never_choose_the_same_proofs(world: World) -> None:
    await stock(world, *[1, 2, 4, 8, 16] * 8)
    sent = await asyncio.gather(*(world.house.send(5) for _ in range(30)))

    assert all(sum(worth(text)) == 5 for _, text in sent)
    secrets = [proof.secret for _, text in sent for proof in token.decode(text).proofs]
    assert len(secrets) == len(set(secrets))
    assert await world.purse() == {FREE: 98, GIVEN: 150}


async def test_a_proof_taken_by_another_process_is_replaced(world: World) -> None:
    await stock(world, *[1, 2, 4, 8, 16] * 4)
    houses = [world.house, world.another_house()]
    sent = await asyncio.gather(*(houses[n % 2].send(3) for n in range(10)))

    assert all(worth(text) == [1, 2] or sum(worth(text)) == 3 for _, text in sent)
    assert await world.purse() == {FREE: 94, GIVEN: 30}


async def test_proofs_that_are_always_taken_are_no_liquidity(world: World) -> None:
    await stock(world, 8)
    world.house.till.refusal = _Taken()
    with pytest.raises(InsufficientLiquidity):
        await world.house.send(3)
    assert await world.purse() == {FREE: 8}


async def test_change_on_its_way_back_is_waited_for(world: World) -> None:
    await stock(world, 64)
    gate = Gate()
    world.mint.next(wait_for(gate))
    first = asyncio.create_task(world.house.send(3))
    await gate.reached.wait()
    second = asyncio.create_task(world.house.send(60))
    await asyncio.sleep(0.06)
    assert not second.done()
    gate.open.set()

    assert sum(worth((await first)[1])) == 3
    assert sum(worth((await second)[1])) == 60


async def test_change_that_could_not_be_enough_is_not_waited_for(world: World) -> None:
    await stock(world, 8)
    gate = Gate()
    world.mint.next(wait_for(gate))
    first = asyncio.create_task(world.house.send(3))
    await gate.reached.wait()
    with pytest.raises(InsufficientLiquidity):
        await world.house.send(9)
    gate.open.set()
    await first


async def test_a_client_that_goes_away_stops_nothing(world: World) -> None:
    await stock(world, 8)
    gate = Gate()
    world.mint.next(wait_for(gate))
    sending = asyncio.create_task(world.house.send(3))
    await gate.reached.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    gate.open.set()
    await world.house.engine.drain(5)
    assert await world.states() == [SagaState.DONE]
    assert await redeem(world, await world.house.sender.text(1)) == 3
