import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from routstr.core.db import Tx
from routstr.errors import (
    FeesExceedAmount,
    InvalidToken,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    NodeError,
    RedemptionPending,
    RoutstrError,
    TokenAlreadySpent,
    TokenBelowMinimum,
    TokenTooLarge,
    UntrustedMint,
)
from routstr.money import Msat, Unit
from routstr.wallet import token
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
from routstr.wallet.receive import Receiver
from routstr.wallet.sagas import Saga
from routstr.wallet.token import Token
from tests.unit.wallet.played_mint import Gate, PlayedMint, fail, lose_answer, refuse, wait_for
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import PURPOSE, Till, World, deposit, open_world

LOST = MintUnclear("no answer")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture
async def dear(tmp_path: Path) -> AsyncIterator[World]:
    """Its mint takes 100 thousandths per proof."""
    async with open_world(tmp_path, PlayedMint(Signer(fee=100))) as world:
        yield world


async def nothing_written(world: World) -> bool:
    """No saga, no claim, no counter used."""
    return (
        await world.scalar("SELECT count(*) FROM sagas"),
        await world.scalar("SELECT count(*) FROM claimed_y"),
        await world.scalar("SELECT coalesce(sum(counter), 0) FROM keysets"),
    ) == (0, 0, 0)


async def claims(world: World) -> int:
    return int(await world.scalar("SELECT count(*) FROM claimed_y"))


async def test_a_token_becomes_proofs_of_this_wallet(world: World) -> None:
    saga = await world.house.receive(world.mint.token(8, 2, 1))

    assert (saga.state, saga.gross, saga.fee, saga.account) == (SagaState.DONE, 11, 0, 41)
    assert (saga.gross_msat, saga.net_msat) == (Msat(11_000), Msat(11_000))
    assert await world.purse() == {ProofStatus.UNSPENT: 11}
    assert world.house.till.story == (1, 1, 0)
    assert await world.states() == [SagaState.DONE]
    assert await claims(world) == 3


async def test_the_owner_bears_the_mints_fee(dear: World) -> None:
    saga = await dear.house.receive(dear.mint.token(8, 2, 1))

    assert (saga.gross, saga.fee, saga.net_msat) == (11, 1, Msat(10_000))
    assert await dear.purse() == {ProofStatus.UNSPENT: 10}


async def test_msat_tokens_are_counted_in_msat(tmp_path: Path) -> None:
    async with open_world(tmp_path, PlayedMint(Signer(unit="msat"))) as world:
        saga = await world.house.receive(world.mint.token(8, 2))
        assert (saga.unit, saga.net_msat) == (Unit.MSAT, Msat(10))


@pytest.mark.parametrize("version", [1, 2])
async def test_both_kinds_of_keyset_ids_are_taken(tmp_path: Path, version: int) -> None:
    async with open_world(tmp_path, PlayedMint(Signer(version=version))) as world:
        text = token.encode_b(world.mint.token(4, 2))  # a long id is cut short in there
        await world.house.receive(token.decode(text))
        assert await world.purse() == {ProofStatus.UNSPENT: 6}


async def test_a_token_of_a_keyset_that_is_new_to_us_is_taken(world: World) -> None:
    await world.house.receive(world.mint.token(1))
    world.mint.rotate(Signer(fee=100))

    await world.house.receive(world.mint.token(8))

    assert await world.purse() == {ProofStatus.UNSPENT: 8}


async def test_a_token_of_a_retired_keyset_is_taken(world: World) -> None:
    old = world.mint.token(8)
    world.mint.rotate(Signer(fee=100))

    saga = await world.house.receive(old)

    assert (saga.net_msat, saga.plan.keyset) == (Msat(8_000), Signer(fee=100).id)


async def test_the_same_token_again_is_the_same_saga(world: World) -> None:
    given = world.mint.token(8, 1)
    first = await world.house.receive(given)
    second = await world.house.receive(given)

    assert second == first
    assert (world.mint.circulation, world.house.till.story) == (1, (1, 1, 0))


async def test_the_same_proofs_in_another_encoding_are_the_same_saga(world: World) -> None:
    given = world.mint.token(8, 2, 1)
    shuffled = replace(given, proofs=given.proofs[::-1], memo="another text")
    first = await world.house.receive(token.decode(token.encode_a(given)))
    second = await world.house.receive(token.decode(token.encode_b(shuffled)))

    assert second.id == first.id
    assert world.mint.circulation == 1


@pytest.mark.parametrize(
    "places",
    [(0,), (0, 1), (0, 1, 2, 3), (0, 1, 3)],
    ids=["part", "pair", "more", "as many, one of them new"],
)
async def test_a_partial_overlap_is_refused(world: World, places: tuple[int, ...]) -> None:
    three, other = world.mint.token(8, 2, 1), world.mint.token(4)
    await world.house.receive(three)
    pool = [*three.proofs, *other.proofs]
    overlap = replace(three, proofs=tuple(pool[place] for place in places))

    with pytest.raises(TokenAlreadySpent, match="A part of this token"):
        await world.house.receive(overlap)
    assert await world.purse() == {ProofStatus.UNSPENT: 11}


async def test_proofs_of_two_earlier_tokens_are_refused(world: World) -> None:
    one, two = world.mint.token(8), world.mint.token(4)
    await world.house.receive(one)
    await world.house.receive(two)

    with pytest.raises(TokenAlreadySpent):
        await world.house.receive(replace(one, proofs=one.proofs + two.proofs))


async def test_fifty_at_once_make_one_swap(world: World) -> None:
    given = world.mint.token(16, 1)
    sagas = await asyncio.gather(*(world.house.receive(given) for _ in range(50)))

    assert len({saga.id for saga in sagas}) == 1
    assert {saga.state for saga in sagas} == {SagaState.DONE}
    assert (world.mint.calls["swap"], world.house.till.story) == (1, (1, 1, 0))
    assert await world.purse() == {ProofStatus.UNSPENT: 17}


async def test_who_joined_a_token_that_was_refused_tries_it_anew(world: World) -> None:
    given = world.mint.token(8)
    gate = Gate()
    world.mint.next(wait_for(gate, refuse(MintCode.TOO_MANY_OUTPUTS)))
    first = asyncio.create_task(world.house.receive(given))
    await gate.reached.wait()
    second = asyncio.create_task(world.house.receive(given))
    await asyncio.sleep(0.05)
    gate.open.set()

    with pytest.raises(MintRefused):
        await first
    assert (await second).state is SagaState.DONE
    assert await world.states() == [SagaState.FAILED, SagaState.DONE]


async def test_proofs_that_are_claimed_again_and_again_are_pending(world: World) -> None:
    world.house.till.refusal = IntegrityError("claimed", None, Exception())
    with pytest.raises(RedemptionPending):
        await world.house.receive(world.mint.token(8))
    assert await nothing_written(world)


async def test_two_processes_at_once_make_one_swap(world: World) -> None:
    given = world.mint.token(16, 1)
    other = world.another_house()
    sagas = await asyncio.gather(
        *(house.receive(given) for _ in range(5) for house in (world.house, other))
    )

    assert len({saga.id for saga in sagas}) == 1
    assert world.mint.calls["swap"] == 1
    assert await world.purse() == {ProofStatus.UNSPENT: 17}


async def test_an_intent_and_its_claims_are_one_transaction(world: World) -> None:
    class Watching(Till):
        claimed: int | None = None

        def intended(self, tx: Tx, saga: Saga) -> None:
            query = text("SELECT count(*) FROM claimed_y WHERE saga = :saga")
            self.claimed = tx.sql.execute(query, {"saga": saga.id}).scalar_one()

    till = Watching()
    world.house.wallet.register(PURPOSE, till)
    await world.house.receive(world.mint.token(8, 2))

    assert till.claimed == 2


async def test_a_refusing_intent_leaves_nothing(world: World) -> None:
    await world.house.mints.keysets(world.mint)
    world.house.till.refusal = NodeError("not now")
    with pytest.raises(NodeError, match="not now"):
        await world.house.receive(world.mint.token(8))

    assert await nothing_written(world)
    assert world.mint.calls["swap"] == 0


async def test_a_failing_completion_leaves_the_saga_open_and_the_next_try_ends_it(
    world: World,
) -> None:
    given = world.mint.token(8)
    world.house.till.failure = NodeError("the books are closed")
    with pytest.raises(NodeError, match="closed"):
        await world.house.receive(given)
    assert await world.states() == [SagaState.OPEN]
    assert await world.purse() == {}

    world.house.till.failure = None
    assert (await world.house.receive(given)).state is SagaState.DONE
    assert (world.mint.circulation, await world.purse()) == (1, {ProofStatus.UNSPENT: 8})


@pytest.mark.parametrize(
    ("error", "told"),
    [(MintBusy(9), MintRateLimited), (MintDown("gone"), MintUnreachable)],
)
async def test_what_was_never_sent_fails_and_gives_the_claims_back(
    world: World, error: MintError, told: type[RoutstrError]
) -> None:
    given = world.mint.token(8)
    world.mint.next(fail(error))
    with pytest.raises(told) as raised:
        await world.house.receive(given)

    assert "Retry-After" in raised.value.headers
    assert await world.states() == [SagaState.FAILED]
    assert (await claims(world), world.house.till.story) == (0, (1, 0, 1))
    assert (await world.house.receive(given)).state is SagaState.DONE


async def test_a_refused_token_can_come_again_with_new_counters(world: World) -> None:
    given = world.mint.token(8)
    world.mint.next(refuse(MintCode.TOO_MANY_OUTPUTS))
    with pytest.raises(MintRefused, match="refused as told"):
        await world.house.receive(given)
    saga = await world.house.receive(given)

    assert saga.plan.first_counter == 1, "a counter that a mint has seen is never used again"
    assert await world.states() == [SagaState.FAILED, SagaState.DONE]


async def test_forged_signatures_are_an_invalid_token(world: World) -> None:
    given = world.mint.token(8, dleq=False)
    forged = replace(given, proofs=(replace(given.proofs[0], c=world.mint.token(8).proofs[0].c),))
    with pytest.raises(InvalidToken):
        await world.house.receive(forged)
    assert await claims(world) == 0


async def test_a_token_spent_meanwhile_by_someone_else_is_spent(world: World) -> None:
    given = world.mint.token(8)
    gate = Gate()
    world.mint.next(wait_for(gate))
    receiving = asyncio.create_task(world.house.receive(given))
    await gate.reached.wait()
    world.mint.spend(given)
    gate.open.set()

    with pytest.raises(TokenAlreadySpent):
        await receiving
    assert await world.states() == [SagaState.FAILED]
    assert (await claims(world), world.house.till.story) == (0, (1, 0, 1))


async def test_a_lost_answer_is_no_trouble(world: World) -> None:
    world.mint.next(lose_answer(LOST))
    saga = await world.house.receive(world.mint.token(8))

    assert saga.state is SagaState.DONE
    assert (world.mint.circulation, await world.purse()) == (1, {ProofStatus.UNSPENT: 8})


async def test_an_unclear_end_stays_open_and_the_same_token_joins_it(world: World) -> None:
    given = world.mint.token(8)
    world.mint.next(lose_answer(LOST))
    world.mint.broken["restore"] = MintDown("gone")
    for _ in range(2):
        with pytest.raises(RedemptionPending) as raised:
            await world.house.receive(given)
        assert raised.value.headers["Retry-After"] == "5"
    assert await world.states() == [SagaState.OPEN]
    assert await claims(world) == 1
    assert "gone" in await world.scalar("SELECT problem FROM sagas")

    world.mint.broken.clear()
    assert (await world.house.receive(given)).state is SagaState.DONE
    assert (world.mint.circulation, world.house.till.story) == (1, (1, 1, 0))
    assert await world.scalar("SELECT problem FROM sagas") is None


async def test_a_keyset_that_rotates_in_between_is_read_anew(world: World) -> None:
    await world.house.receive(world.mint.token(1))
    given = world.mint.token(8, 4)
    world.mint.rotate(Signer(fee=100))

    saga = await world.house.receive(given)

    assert saga.plan.keyset == Signer(fee=100).id
    assert await world.states() == [SagaState.DONE, SagaState.FAILED, SagaState.DONE]
    assert await world.purse() == {ProofStatus.UNSPENT: 13}


async def test_a_fee_that_changes_in_between_is_read_anew(tmp_path: Path) -> None:
    signer = Signer(version=1)  # the id of a v1 keyset does not cover its fee
    async with open_world(tmp_path, PlayedMint(signer)) as world:
        await world.house.receive(world.mint.token(1))
        signer.info = replace(signer.info, input_fee_ppk=100)

        saga = await world.house.receive(world.mint.token(8, 4))

        assert (saga.gross, saga.fee) == (12, 1)
        assert await world.purse() == {ProofStatus.UNSPENT: 12}


async def test_a_mint_that_never_likes_the_keyset_is_believed_in_the_end(world: World) -> None:
    world.mint.next(*(refuse(MintCode.UNBALANCED) for _ in range(3)))
    with pytest.raises(MintRefused):
        await world.house.receive(world.mint.token(8))
    assert await world.states() == [SagaState.FAILED] * 3
    assert await claims(world) == 0


async def test_a_client_that_goes_away_stops_nothing(world: World) -> None:
    gate = Gate()
    world.mint.next(wait_for(gate))
    receiving = asyncio.create_task(world.house.receive(world.mint.token(8)))
    await gate.reached.wait()
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    gate.open.set()
    await world.house.engine.drain(5)

    assert await world.states() == [SagaState.DONE]
    assert await world.purse() == {ProofStatus.UNSPENT: 8}


class TestNothingIsWrittenFor:
    """What is refused before anything happens: no saga, no claim, no counter, no swap."""

    @pytest.fixture(autouse=True)
    async def _nothing(self, dear: World) -> AsyncIterator[None]:
        yield
        assert await nothing_written(dear)
        assert dear.mint.calls["swap"] == 0

    async def test_a_foreign_mint_which_is_not_even_asked(self, dear: World) -> None:
        foreign = replace(dear.mint.token(8), mint="https://other.example")
        with pytest.raises(UntrustedMint) as raised:
            await dear.house.receive(foreign)
        assert raised.value.details == {"mints": [dear.mint.url]}
        assert not dear.mint.calls

    async def test_a_spent_token(self, dear: World) -> None:
        given = dear.mint.token(8, 4)
        dear.mint.states[given.proofs[1].y()] = ProofState.SPENT
        with pytest.raises(TokenAlreadySpent):
            await dear.house.receive(given)

    async def test_a_token_that_is_being_spent(self, dear: World) -> None:
        given = dear.mint.token(8, 4)
        dear.mint.states[given.proofs[0].y()] = ProofState.PENDING
        with pytest.raises(RedemptionPending):
            await dear.house.receive(given)

    async def test_dust(self, dear: World) -> None:
        with pytest.raises(FeesExceedAmount) as raised:
            await dear.house.receive(dear.mint.token(1))
        assert raised.value.details == {"amount": 1, "fee": 1, "unit": "sat"}

    async def test_less_than_wanted_net_of_the_fee(self, dear: World) -> None:
        given = dear.mint.token(8)
        with pytest.raises(TokenBelowMinimum) as raised:
            await dear.house.receive(given, minimum=Msat(7_001))
        assert raised.value.details == {
            "required_msat": 7_001,
            "token_msat": 7_000,
            "mint_fee_msat": 1_000,
        }

    async def test_more_proofs_than_allowed(self, dear: World) -> None:
        narrow = Receiver(dear.house.engine, dear.house.mints, proofs_max=2, sat_max=1_000)
        with pytest.raises(TokenTooLarge) as raised:
            await narrow.receive(deposit(dear.mint.token(1, 1, 1)))
        assert raised.value.details == {"proofs": 3, "max": 2}

    async def test_more_money_than_allowed(self, dear: World) -> None:
        narrow = Receiver(dear.house.engine, dear.house.mints, proofs_max=9, sat_max=9)
        with pytest.raises(TokenTooLarge) as raised:
            await narrow.receive(deposit(dear.mint.token(8, 2)))
        assert raised.value.details == {"max_sat": 9}

    async def test_a_wrong_dleq_proof(self, dear: World) -> None:
        good, other = dear.mint.token(8).proofs[0], dear.mint.token(8).proofs[0]
        with pytest.raises(InvalidToken, match="DLEQ"):
            await dear.house.receive(Token(dear.mint.url, Unit.SAT, (replace(good, c=other.c),)))

    async def test_an_unknown_keyset(self, dear: World) -> None:
        stranger = PlayedMint(Signer(fee=5)).token(8)
        with pytest.raises(InvalidToken):
            await dear.house.receive(stranger)
        assert dear.mint.calls["keysets"] == 2, "the list is read again before it is believed"

    async def test_a_unit_that_is_not_the_keysets(self, dear: World) -> None:
        with pytest.raises(MintRefused, match="unit"):
            await dear.house.receive(replace(dear.mint.token(8), unit=Unit.MSAT))

    @pytest.mark.parametrize("method", ["keysets", "check_state"])
    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (MintBusy(3), MintRateLimited),
            (MintDown("gone"), MintUnreachable),
            (LOST, MintUnreachable),
            (MintRefusal(None, "closed today"), MintRefused),
        ],
    )
    async def test_a_mint_that_does_not_answer(
        self, dear: World, method: str, error: MintError, told: type[RoutstrError]
    ) -> None:
        dear.mint.broken[method] = error
        with pytest.raises(told):
            await dear.house.receive(dear.mint.token(8))

    async def test_a_mint_without_an_active_keyset(self, dear: World) -> None:
        given = dear.mint.token(8)
        dear.mint.rotate(Signer(unit="msat"))
        signer = dear.mint.signers[given.proofs[0].keyset_id]
        signer.info = replace(signer.info, active=False)
        with pytest.raises(MintRefused, match="no active keyset"):
            await dear.house.receive(given)

    async def test_an_amount_that_the_keyset_cannot_hold(self, dear: World) -> None:
        given = dear.mint.token(8)
        dear.mint.rotate(Signer([4], fee=200))
        with pytest.raises(TokenTooLarge, match="cannot hold"):
            await dear.house.receive(given)


async def test_what_is_stored_of_a_saga_shows_no_token(world: World) -> None:
    given = world.mint.token(8)
    await world.house.receive(given)

    assert PURPOSE.encode() in world.written()
    assert given.proofs[0].secret.encode() not in world.written()
