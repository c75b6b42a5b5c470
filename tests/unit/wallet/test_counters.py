"""A database that is older than its mint's signatures is noticed, and its counters move on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.core.clock import ManualClock
from routstr.core.db import Tx
from routstr.errors import MintRateLimited, MintUnreachable, RedemptionPending, RoutstrError
from routstr.wallet.counters import REST_S, Counters, Finding
from routstr.wallet.findings import Found
from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintError, MintUnclear
from routstr.wallet.mint_types import ProofState, Restored
from routstr.wallet.models import ProofStatus, SagaState
from routstr.wallet.proofs import PreparedOutput
from tests.unit.wallet.played_mint import PlayedMint, lose_answer
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import KEY, SEED, House, World, open_world


@dataclass
class Ear:
    """Keeps no books but takes notes; cannot compare as long as there is a ``problem``."""

    booked: list[Found] = field(default_factory=list)
    told: list[Finding] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    problem: MintError | None = None
    refusal: Exception | None = None

    def found(self, _tx: Tx, found: Found) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.booked.append(found)

    def is_old(self, _mint: Mint, finding: Finding) -> None:
        self.told.append(finding)

    async def compare(self, mint: Mint) -> None:
        if self.problem is not None:
            raise self.problem
        self.compared.append(mint.url)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture
def ear() -> Ear:
    return Ear()


def guard(world: World, ear: Ear, house: House | None = None) -> Counters:
    """Look at keysets before this house uses them."""
    made = Counters(world.db, world.clock, KEY, SEED, ear)
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
    await world.house.receive(world.mint.token(1))
    house = world.another_house()
    guard(world, ear, house)
    tokens = [world.mint.token(4) for _ in range(3)]
    await asyncio.gather(*(house.receive(token) for token in tokens))
    assert world.mint.calls["restore"] == 3  # as far as the gap


async def test_a_keyset_that_was_never_used_needs_no_question(world: World, ear: Ear) -> None:
    guard(world, ear)
    await world.house.receive(world.mint.token(4))
    assert world.mint.calls["restore"] == 0


async def test_one_whose_backup_is_from_before_its_first_use_is_found_by_a_refusal(
    world: World, ear: Ear
) -> None:
    await world.house.receive(world.mint.token(4))
    await put_back(world)
    house = world.another_house()
    guard(world, ear, house)
    assert (await house.receive(world.mint.token(8))).state is SagaState.DONE
    assert [found.amount for found in ear.booked] == [4]


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
    for amount in (1, 4):
        await world.house.receive(world.mint.token(amount))
    query = text("SELECT y FROM proofs WHERE amount = 4")
    (y,) = await world.db.read(lambda c: list(c.execute(query).scalars()))
    await put_back(world, 1)
    world.mint.states[bytes(y)] = ProofState.SPENT
    await guard(world, ear).before_use(world.mint, await keyset(world))
    assert ear.booked == []
    assert [(f.counter, f.upto, f.found) for f in ear.told] == [(1, 2, None)]
    assert await counter(world) == 2


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
    made = guard(world, ear, world.another_house())
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
    await world.house.receive(world.mint.token(1))
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
    assert await world.purse() == {ProofStatus.UNSPENT: 5}


async def test_a_mint_that_cannot_restore_holds_nothing_up_and_is_asked_once(
    world: World, ear: Ear
) -> None:
    await world.house.receive(world.mint.token(1))
    house = world.another_house()
    guard(world, ear, house)
    world.mint.can_restore = False
    for amount in (4, 8):
        await house.receive(world.mint.token(amount))
    assert world.mint.calls["restore"] == 1


async def test_a_mint_that_does_not_make_itself_clear_is_left_alone_for_a_while(
    tmp_path: Path, ear: Ear
) -> None:
    clock = ManualClock()
    async with open_world(tmp_path, clock=clock) as world:
        await world.house.receive(world.mint.token(1))
        house = world.another_house()
        guard(world, ear, house)
        world.mint.broken["restore"] = MintUnclear("odd")
        for _ in range(2):
            await house.receive(world.mint.token(4))
        assert world.mint.calls["restore"] == 1
        world.mint.broken.clear()
        clock.advance(seconds=REST_S)
        await house.receive(world.mint.token(8))
        assert world.mint.calls["restore"] == 1 + 3


@pytest.mark.parametrize("trouble", [MintDown("gone"), MintBusy(7)])
async def test_a_mint_that_cannot_be_asked_gives_and_takes_nothing(
    world: World, ear: Ear, trouble: MintError
) -> None:
    await world.house.receive(world.mint.token(4))
    house = world.another_house()
    guard(world, ear, house)
    world.mint.broken["restore"] = trouble
    with pytest.raises((MintUnreachable, MintRateLimited)):
        await house.send(4)
    world.mint.broken.clear()
    assert (await house.send(4))[0].state is SagaState.DONE


class TestProofsOfAnOldDatabase:
    async def test_are_compared_before_one_is_given_away(self, world: World, ear: Ear) -> None:
        await world.house.receive(world.mint.token(4))
        await world.house.receive(world.mint.token(8))
        await put_back(world, 1)
        house = world.another_house()
        guard(world, ear, house)
        ear.problem = MintUnclear("odd")
        for _ in range(2):
            with pytest.raises(MintUnreachable):
                await house.send(4)
        assert len(ear.told) == 1
        ear.problem = None
        assert (await house.send(4))[0].state is SagaState.DONE
        await house.receive(world.mint.token(1))
        assert ear.compared == [world.mint.url]

    async def test_are_compared_after_a_crash_in_between(self, world: World, ear: Ear) -> None:
        await world.house.receive(world.mint.token(4))
        await put_back(world)
        for problem in (MintDown("gone"), None):
            ear.problem = problem
            house = world.another_house()
            guard(world, ear, house)
            with suppress(MintUnreachable):
                await house.receive(world.mint.token(1))
        assert len(ear.told) == 1
        assert ear.compared == [world.mint.url]
        guard(world, ear, last := world.another_house())
        await last.receive(world.mint.token(2))
        assert ear.compared == [world.mint.url]

    async def test_of_keysets_that_were_rotated_since_are_found(
        self, world: World, ear: Ear
    ) -> None:
        for amount in (1, 4):
            await world.house.receive(world.mint.token(amount))
        await put_back(world, 1)
        world.mint.rotate(Signer(fee=100))
        house = world.another_house()
        made = guard(world, ear, house)
        await house.receive(world.mint.token(16))
        assert (ear.booked, ear.compared) == ([], []), "nothing tells that the database is old"
        old = next(k for k in (await house.mints.keysets(world.mint)).values() if not k.active)
        await made.before_use(world.mint, old)
        assert [found.amount for found in ear.booked] == [4]


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
    for amount in (1, 4):
        await world.house.receive(world.mint.token(amount))
    await put_back(world, 1)

    ear.refusal = RoutstrError()
    made = guard(world, ear)
    with pytest.raises(RoutstrError):
        await made.before_use(world.mint, await keyset(world))
    assert await counter(world) == 1
    assert await world.purse() == {ProofStatus.UNSPENT: 1}
