"""A database that is older than its mint's signatures is noticed, and its counters move on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.core.db import Tx
from routstr.errors import RedemptionPending, RoutstrError
from routstr.wallet import counters
from routstr.wallet.counters import Counters, Finding
from routstr.wallet.findings import Found
from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintDown, MintUnclear
from routstr.wallet.mint_types import ProofState, Restored
from routstr.wallet.models import ProofStatus, SagaState
from routstr.wallet.proofs import PreparedOutput
from tests.unit.wallet.played_mint import PlayedMint, lose_answer
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import KEY, SEED, House, World, open_world


@dataclass
class Ear:
    """Books and is told."""

    booked: list[Found] = field(default_factory=list)
    told: list[Finding] = field(default_factory=list)

    def book(self, _tx: Tx, found: Found) -> None:
        self.booked.append(found)

    async def tell(self, _mint: Mint, finding: Finding) -> None:
        self.told.append(finding)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture
def ear() -> Ear:
    return Ear()


def guard(world: World, ear: Ear, house: House | None = None) -> Counters:
    """Look at keysets before this house uses them."""
    made = Counters(world.db, KEY, SEED, ear.book, ear.tell)
    (house or world.house).mints.guard(made.before_use)
    return made


async def put_back(world: World, counter: int = 0) -> None:
    """The database is as it was before the last proofs came."""

    def back(tx: Tx) -> None:
        tx.sql.execute(text("DELETE FROM proofs WHERE counter >= :n"), {"n": counter})
        tx.sql.execute(text("UPDATE keysets SET counter = :n"), {"n": counter})

    await world.db.write(back)


async def counter(world: World) -> int:
    return int(await world.scalar("SELECT max(counter) FROM keysets"))


async def keyset(world: World) -> Keyset:
    return next(iter((await world.house.mints.keysets(world.mint)).values()))


async def test_counters_that_are_ahead_stay_where_they_are(world: World, ear: Ear) -> None:
    guard(world, ear)
    for amount in (4, 8):
        await world.house.receive(world.mint.token(amount))
    assert await counter(world) == 2
    assert (ear.booked, ear.told) == ([], [])


async def test_a_keyset_is_looked_at_once_in_a_process(world: World, ear: Ear) -> None:
    guard(world, ear)
    tokens = [world.mint.token(4) for _ in range(3)]
    await asyncio.gather(*(world.house.receive(token) for token in tokens))
    assert world.mint.calls["restore"] == 3  # as far as the gap


async def test_a_database_that_was_put_back_is_brought_up_to_the_mint(
    world: World, ear: Ear
) -> None:
    await world.house.receive(world.mint.token(1, 4))
    await world.house.receive(world.mint.token(16))
    await put_back(world, 2)

    house = world.another_house()
    guard(world, ear, house)
    await house.receive(world.mint.token(32))

    assert await world.states() == [SagaState.DONE] * 3
    assert await counter(world) == 4
    (found,) = ear.booked
    assert (found.amount, found.proofs, found.first) == (16, 1, 2)
    assert [(f.counter, f.upto, f.found) for f in ear.told] == [(2, 3, found)]
    assert await world.purse() == {ProofStatus.UNSPENT: 5 + 16 + 32}


async def test_what_is_spent_at_the_mint_is_not_found_again(world: World, ear: Ear) -> None:
    await world.house.receive(world.mint.token(4))
    (y,) = await world.db.read(lambda c: list(c.execute(text("SELECT y FROM proofs")).scalars()))
    await put_back(world)
    world.mint.states[bytes(y)] = ProofState.SPENT
    await guard(world, ear).before_use(world.mint, await keyset(world))
    assert ear.booked == []
    assert [(f.counter, f.upto, f.found) for f in ear.told] == [(0, 1, None)]
    assert await counter(world) == 1


async def test_while_it_runs_a_refusal_has_the_counters_looked_at_again(
    world: World, ear: Ear
) -> None:
    guard(world, ear)
    await world.house.receive(world.mint.token(4))
    await world.house.receive(world.mint.token(8))
    await put_back(world, 1)

    assert (await world.house.receive(world.mint.token(16))).state is SagaState.DONE

    assert sorted(await world.states()) == [SagaState.DONE] * 3 + [SagaState.FAILED]
    assert [found.amount for found in ear.booked] == [8]
    assert await world.purse() == {ProofStatus.UNSPENT: 28}


async def test_what_an_open_movement_will_get_is_not_found(world: World, ear: Ear) -> None:
    """Its outputs are signed already, and it has not heard of that."""
    made = guard(world, ear)
    world.mint.next(lose_answer(MintUnclear("no answer")))
    given = world.mint.token(4)
    hide = world.mint.restore

    async def gone(*_: object, **__: object) -> list[Restored]:
        raise MintDown("gone")

    world.mint.restore = gone  # type: ignore[method-assign]
    with pytest.raises(RedemptionPending):
        await world.house.receive(given)
    world.mint.restore = hide  # type: ignore[method-assign]
    assert await world.states() == [SagaState.OPEN]

    await made.before_use(world.mint, await keyset(world), again=True)
    assert (ear.booked, ear.told) == ([], [])
    assert (await world.house.receive(given)).state is SagaState.DONE
    assert await world.purse() == {ProofStatus.UNSPENT: 4}


async def test_sending_too(world: World, ear: Ear) -> None:
    await world.house.receive(world.mint.token(16))
    await world.house.receive(world.mint.token(1))
    await put_back(world, 1)
    house = world.another_house()
    guard(world, ear, house)
    saga, _ = await house.send(5)
    assert saga.state is SagaState.DONE
    assert [found.amount for found in ear.booked] == [1]


async def test_movements_of_another_instance_are_not_mistaken(world: World, ear: Ear) -> None:
    """They take numbers between the reading of the counter and the mint's answer."""
    made = guard(world, ear, world.another_house())
    first = await keyset(world)
    restore = world.mint.restore
    once = [True]

    async def slow(outputs: Sequence[PreparedOutput], **_: float | None) -> list[Restored]:
        if once:
            once.clear()
            await world.house.receive(world.mint.token(4))
        return await restore(outputs)

    world.mint.restore = slow  # type: ignore[method-assign]
    await made.before_use(world.mint, first)
    assert (ear.booked, ear.told) == ([], [])
    assert await world.purse() == {ProofStatus.UNSPENT: 4}


async def test_a_mint_that_cannot_restore_holds_nothing_up_and_is_asked_once(
    world: World, ear: Ear
) -> None:
    guard(world, ear)
    world.mint.can_restore = False
    for amount in (4, 8):
        await world.house.receive(world.mint.token(amount))
    assert world.mint.calls["restore"] == 1


async def test_a_mint_that_does_not_answer_holds_nothing_up_and_is_asked_again(
    world: World, ear: Ear
) -> None:
    guard(world, ear)
    world.mint.broken["restore"] = MintDown("gone")
    await world.house.receive(world.mint.token(4))
    world.mint.broken.clear()
    await world.house.receive(world.mint.token(8))
    assert world.mint.calls["restore"] == 1 + 3


async def test_a_mint_that_answers_slowly_is_not_waited_for(
    world: World, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard(world, ear)
    monkeypatch.setattr(counters, "ANSWER_S_MAX", 0.01)

    async def never(*_: object, **__: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    world.mint.restore = never  # type: ignore[method-assign,assignment]
    assert (await world.house.receive(world.mint.token(4))).state is SagaState.DONE


async def test_two_units_have_counters_of_their_own(tmp_path: Path, ear: Ear) -> None:
    signers = Signer(), Signer(unit="msat")
    async with open_world(tmp_path, PlayedMint(*signers)) as world:
        for signer in signers:
            await world.house.receive(world.mint.token(4, signer=signer))
        await put_back(world)
        house = world.another_house()
        guard(world, ear, house)
        for signer in signers:
            await house.receive(world.mint.token(8, signer=signer))
        assert sorted((found.unit, found.amount) for found in ear.booked) == [
            ("msat", 4),
            ("sat", 4),
        ]


async def test_a_finding_that_cannot_be_booked_changes_nothing(world: World, ear: Ear) -> None:
    await world.house.receive(world.mint.token(4))
    await put_back(world)

    def refuse(_tx: Tx, _found: Found) -> None:
        raise RoutstrError

    made = Counters(world.db, KEY, SEED, refuse, ear.tell)
    with pytest.raises(RoutstrError):
        await made.before_use(world.mint, await keyset(world))
    assert await counter(world) == 0
    assert await world.purse() == {}
