from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from routstr.core.db import Tx
from routstr.money import Unit
from routstr.wallet import purse
from routstr.wallet.models import IssuedState, ProofStatus
from routstr.wallet.proofs import OwnProof
from routstr.wallet.purse import HeldProof, Issued
from routstr.wallet.sagas import LeaseLost
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, insert, open_world

MINT = "https://mint.example"
OTHER = "https://other.example"
SAT, DEAR, MSAT = Signer(), Signer(fee=100), Signer(unit="msat")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:

        def save(tx: Tx) -> None:
            purse.save_keysets(tx, MINT, [SAT.keyset, DEAR.keyset, MSAT.keyset])
            purse.save_keysets(tx, OTHER, [SAT.keyset])

        await world.db.write(save)
        yield world


async def add(
    world: World,
    proofs: Sequence[OwnProof],
    *,
    mint: str = MINT,
    status: ProofStatus = ProofStatus.UNSPENT,
    saga: int | None = None,
) -> None:
    await world.db.write(lambda tx: purse.add_proofs(tx, mint, list(proofs), status, saga))


async def held(world: World, unit: Unit = Unit.SAT, mint: str = MINT) -> list[tuple[int, int]]:
    found = await world.db.read(lambda c: purse.held(c, mint, unit))
    return [(proof.amount, proof.fee_ppk) for proof in found]


async def ids(world: World) -> list[int]:
    return [proof.id for proof in await world.db.read(lambda c: purse.held(c, MINT, Unit.SAT))]


async def test_keysets_are_read_as_they_were_stored(world: World) -> None:
    found = {one.id: one for one in await world.db.read(lambda c: purse.load_keysets(c, MINT))}
    assert found == {one.id: one.keyset for one in (SAT, DEAR, MSAT)}
    assert await world.db.read(lambda c: purse.load_keysets(c, "https://third.example")) == []


async def test_storing_a_keyset_again_changes_its_activity_and_fee_only(world: World) -> None:
    await world.db.write(lambda tx: purse.next_counters(tx, SAT.id, 5))
    changed = replace(SAT.keyset, active=False, input_fee_ppk=7, keys={})
    await world.db.write(lambda tx: purse.save_keysets(tx, MINT, [changed]))

    found = {one.id: one for one in await world.db.read(lambda c: purse.load_keysets(c, MINT))}
    assert found[SAT.id] == replace(SAT.keyset, active=False, input_fee_ppk=7)
    assert await world.db.write(lambda tx: purse.next_counters(tx, SAT.id, 1)) == 5


async def test_counters_are_counted_out_exactly_by_keyset(world: World) -> None:
    async def take(count: int, keyset: str = SAT.id) -> int:
        return await world.db.write(lambda tx: purse.next_counters(tx, keyset, count))

    assert [await take(3), await take(1), await take(2)] == [0, 3, 4]
    assert await take(1, DEAR.id) == 0


async def test_a_mint_under_two_urls_counts_its_keysets_once(world: World) -> None:
    async def take(count: int) -> int:
        return await world.db.write(lambda tx: purse.next_counters(tx, SAT.id, count))

    await take(3)
    third = "https://third.example"
    await world.db.write(lambda tx: purse.save_keysets(tx, third, [SAT.keyset]))
    assert [await take(1), await take(1)] == [3, 4]
    rows = await world.scalar(
        "SELECT count(*) FROM keysets WHERE keyset_id = :id AND counter = 5", id=SAT.id
    )
    assert rows == 3


async def test_counters_of_a_transaction_that_failed_are_free_again(world: World) -> None:
    def fail(tx: Tx) -> None:
        purse.next_counters(tx, SAT.id, 3)
        raise LeaseLost

    with pytest.raises(LeaseLost):
        await world.db.write(fail)
    assert await world.db.write(lambda tx: purse.next_counters(tx, SAT.id, 1)) == 0


async def test_held_proofs_are_listed_by_unit_the_largest_first(world: World) -> None:
    await add(world, [*SAT.issue([1, 8, 2]), *DEAR.issue([4])])
    await add(world, MSAT.issue([512]))
    await add(world, SAT.issue([16], first_counter=5), mint=OTHER)
    await add(world, SAT.issue([32], first_counter=9), status=ProofStatus.ISSUED, saga=7)
    await add(world, [])

    assert await held(world) == [(8, 0), (4, 100), (2, 0), (1, 0)]
    assert await held(world, Unit.MSAT) == [(512, 0)]
    assert await held(world, mint=OTHER) == [(16, 0)]
    assert HeldProof(1, 2, 3) == HeldProof(id=1, amount=2, fee_ppk=3)


async def test_a_counter_or_a_proof_is_stored_once(world: World) -> None:
    await add(world, SAT.issue([1]))
    with pytest.raises(IntegrityError):
        await add(world, SAT.issue([2]))
    with pytest.raises(IntegrityError):
        await add(world, [replace(SAT.issue([1])[0], counter=5)])


async def test_all_chosen_proofs_are_reserved_or_the_caller_is_told(world: World) -> None:
    await add(world, SAT.issue([4, 2, 1]))
    four, two, one = await ids(world)
    first, second = [(await insert(world)).id for _ in range(2)]

    assert await world.db.write(lambda tx: purse.reserve(tx, [four, two], first))
    assert not await world.db.write(lambda tx: purse.reserve(tx, [one, two], second))
    reserved = await world.db.read(lambda c: purse.reserved(c, first))
    assert [proof.amount for proof in reserved] == [4, 2]


async def test_what_is_spent_by_open_sagas_counts_as_held_and_what_was_given_out_does_not(
    world: World,
) -> None:
    async def held() -> int:
        return await world.db.read(lambda c: purse.held_sum(c, MINT, Unit.SAT))

    await add(world, SAT.issue([4, 2, 1]))
    four, two, _ = await ids(world)
    saga = (await insert(world)).id
    await world.db.write(lambda tx: purse.reserve(tx, [four, two], saga))
    assert await held() == 7
    await world.db.write(lambda tx: purse.move(tx, saga, ProofStatus.RESERVED, ProofStatus.ISSUED))
    assert await held() == 1


async def test_what_is_doubted_is_not_waited_for(world: World) -> None:
    await add(world, SAT.issue([4, 2]))
    four, _ = await ids(world)
    doubt = f"INSERT INTO doubted_proofs (proof, since) VALUES ({four}, 0)"
    await world.db.write(lambda tx: tx.sql.execute(text(doubt)))
    assert await world.db.read(lambda c: purse.held_sum(c, MINT, Unit.SAT)) == 2


async def test_stored_proofs_have_what_is_needed_to_spend_them(world: World) -> None:
    with_dleq, without = SAT.issue([4])[0], SAT.issue([2], first_counter=5, dleq=False)[0]
    await add(world, [with_dleq, without])

    first, second = await world.db.read(lambda c: purse.stored(c, [1, 2]))
    assert (first.keyset_id, first.counter, first.amount, first.c) == (SAT.id, 0, 4, with_dleq.c)
    assert with_dleq.dleq is not None
    assert first.dleq == with_dleq.dleq.e + with_dleq.dleq.s
    assert (second.counter, second.dleq) == (5, None)


async def test_proofs_move_together_and_lose_their_saga_when_they_are_free(world: World) -> None:
    await add(world, SAT.issue([4, 2, 1]))
    saga = (await insert(world)).id
    chosen = (await ids(world))[:2]
    await world.db.write(lambda tx: purse.reserve(tx, chosen, saga))

    await world.db.write(lambda tx: purse.move(tx, saga, ProofStatus.RESERVED, ProofStatus.ISSUED))
    points = await world.db.read(lambda c: purse.proof_points(c, [saga, saga + 1]))
    assert points == [(saga, proof.y) for proof in SAT.issue([4, 2])]
    await world.db.write(lambda tx: purse.move(tx, saga, ProofStatus.ISSUED, ProofStatus.UNSPENT))
    assert await held(world) == [(4, 0), (2, 0), (1, 0)]
    assert await world.scalar("SELECT count(*) FROM proofs WHERE saga IS NOT NULL") == 0


async def test_sums_are_told_by_mint_unit_and_status_without_what_is_spent(world: World) -> None:
    await add(world, SAT.issue([4, 2, 1]))
    await add(world, DEAR.issue([8]), status=ProofStatus.ISSUED, saga=1)
    await add(world, DEAR.issue([16], first_counter=1), status=ProofStatus.SPENT, saga=1)
    await add(world, MSAT.issue([32]))
    await add(world, SAT.issue([64], first_counter=5), mint=OTHER)

    assert sorted(await world.db.read(purse.sums)) == [
        (MINT, Unit.MSAT, ProofStatus.UNSPENT, 32),
        (MINT, Unit.SAT, ProofStatus.UNSPENT, 7),
        (MINT, Unit.SAT, ProofStatus.ISSUED, 8),
        (OTHER, Unit.SAT, ProofStatus.UNSPENT, 64),
    ]


class TestIssuedTokens:
    @pytest.fixture
    async def issued(self, world: World) -> list[Issued]:
        """Two of account 3, one of account 4."""
        tokens = []
        for account in (3, 3, 4):
            saga = await insert(world)
            tokens.append(
                Issued(saga.id, account, MINT, Unit.SAT, 5, b"sealed", IssuedState.UNCLAIMED)
            )
        for token in tokens:
            await world.db.write(lambda tx, one=token: purse.add_issued(tx, one, 9))  # type: ignore[misc]
        return tokens

    async def test_are_found_by_saga_and_by_account(
        self, world: World, issued: list[Issued]
    ) -> None:
        assert await world.db.read(lambda c: purse.issued_by(c, issued[0].saga)) == issued[0]
        assert await world.db.read(lambda c: purse.issued_to(c, 3, 9)) == issued[1::-1]
        assert await world.db.read(lambda c: purse.issued_to(c, 3, 1)) == [issued[1]]
        assert await world.db.read(lambda c: purse.issued_to(c, 5, 9)) == []

    async def test_are_claimed_once(self, world: World, issued: list[Issued]) -> None:
        claim = issued[1].saga
        assert await world.db.write(lambda tx: purse.mark_claimed(tx, claim, 10))
        assert not await world.db.write(lambda tx: purse.mark_claimed(tx, claim, 11))
        assert await world.scalar("SELECT max(claimed_at) FROM issued_tokens") == 10
        left = await world.db.read(lambda c: purse.unclaimed(c, None, 10))
        assert left == [issued[2], issued[0]]
        assert await world.db.read(lambda c: purse.unclaimed(c, None, 1)) == [issued[2]]
        older = await world.db.read(lambda c: purse.unclaimed(c, issued[2].saga, 10))
        assert older == [issued[0]]
        last = await world.db.read(lambda c: purse.issued_to(c, 3, 1))
        assert last[0].state is IssuedState.CLAIMED
