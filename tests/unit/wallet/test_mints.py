import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.errors import MintRateLimited, MintRefused, MintUnreachable, UntrustedMint
from routstr.money import Unit
from routstr.wallet.keysets import InvalidKeyset, Keyset, KeysetInfo
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mints import KEYSETS_AGE_S_MAX, as_wallet_error
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def world(tmp_path: Path, clock: ManualClock) -> AsyncIterator[World]:
    async with open_world(tmp_path, clock=clock) as world:
        yield world


def test_a_listed_mint_is_found_by_any_spelling_of_its_url(world: World) -> None:
    mints = world.house.mints
    assert mints.urls == ("https://mint.example",)
    assert mints.mint("https://MINT.example/") is world.mint


@pytest.mark.parametrize(
    "url", ["https://other.example", "https://mint.example:444", "ftp://mint.example", "nonsense"]
)
def test_any_other_mint_is_refused_without_a_call(world: World, url: str) -> None:
    with pytest.raises(UntrustedMint) as raised:
        world.house.mints.mint(url)
    assert raised.value.details == {"mints": ["https://mint.example"]}
    assert not world.mint.calls


async def test_a_foreign_mint_is_known_and_not_listed(tmp_path: Path) -> None:
    home, foreign = PlayedMint(), PlayedMint(url="https://foreign.example")
    async with open_world(tmp_path, home, foreign, foreign=(foreign.url,)) as world:
        mints = world.house.mints
        assert mints.urls == (home.url,)
        assert mints.known("https://FOREIGN.example/") is foreign
        assert [mints.is_foreign(url) for url in (foreign.url, home.url, "nonsense")] == [
            True, False, False,
        ]  # fmt: skip
        assert [mints.may_be_asked(url) for url in (foreign.url, home.url, "nonsense")] == [
            True, True, False,
        ]  # fmt: skip
        for find, url in ((mints.mint, foreign.url), (mints.known, "https://other.example")):
            with pytest.raises(UntrustedMint) as raised:
                find(url)
            assert raised.value.details == {"mints": [home.url]}


async def test_keysets_are_read_once_and_again_when_they_are_old(
    world: World, clock: ManualClock
) -> None:
    mints = world.house.mints
    first = await mints.keysets(world.mint)
    assert await mints.keysets(world.mint) == first
    assert world.mint.calls == {"keysets": 1, "keys": 1}
    clock.advance(seconds=KEYSETS_AGE_S_MAX)
    await mints.keysets(world.mint)
    assert world.mint.calls == {"keysets": 2, "keys": 1}, "keys do not change"


async def test_one_question_serves_all_who_wait(world: World) -> None:
    found = await asyncio.gather(*(world.house.mints.keysets(world.mint) for _ in range(50)))
    assert world.mint.calls == {"keysets": 1, "keys": 1}
    assert all(one == found[0] for one in found)


async def test_fresh_ones_are_asked_for_after_the_call_and_shared(world: World) -> None:
    mints = world.house.mints
    await mints.keysets(world.mint)
    await mints.keysets(world.mint, fresh=True)
    assert world.mint.calls["keysets"] == 2
    await asyncio.gather(*(mints.keysets(world.mint, fresh=True) for _ in range(50)))
    assert world.mint.calls["keysets"] <= 4, "the one under way and one more"


async def test_stored_keysets_serve_while_the_mint_is_away(world: World) -> None:
    known = await world.house.mints.keysets(world.mint)
    world.mint.broken["keysets"] = MintDown("gone")
    restarted = world.another_house().mints

    assert await restarted.keysets(world.mint) == known
    with pytest.raises(MintUnreachable):
        await restarted.keysets(world.mint, fresh=True)


async def test_a_keyset_that_another_instance_has_seen_first_is_known_without_a_call(
    world: World,
) -> None:
    here, there = world.house.mints, world.another_house().mints
    old = next(iter(await here.keysets(world.mint)))
    world.mint.rotate(Signer(fee=100))
    new = Signer(fee=100).id
    await there.keysets(world.mint)
    calls = dict(world.mint.calls)
    assert new not in await here.keysets(world.mint), "it has read them before"
    assert (await here.keyset(world.mint, new)).id == new
    assert (await here.keyset(world.mint, old)).id == old
    assert world.mint.calls == calls


async def test_without_stored_ones_the_mints_error_is_told(world: World) -> None:
    world.mint.broken["keysets"] = MintDown("gone")
    with pytest.raises(MintUnreachable):
        await world.house.mints.keysets(world.mint)
    world.mint.broken.clear()
    assert await world.house.mints.keysets(world.mint)


async def test_changes_are_stored(world: World) -> None:
    signer = next(iter(world.mint.signers.values()))
    await world.house.mints.keysets(world.mint)
    world.mint.rotate(Signer(fee=100))
    signer.info = replace(signer.info, input_fee_ppk=5)
    await world.house.mints.keysets(world.mint, fresh=True)

    world.mint.broken["keysets"] = MintDown("gone")
    stored = await world.another_house().mints.keysets(world.mint)
    old, new = stored[signer.id], stored[Signer(fee=100).id]
    assert (old.active, old.input_fee_ppk) == (False, 5)
    assert (new.active, new.input_fee_ppk, new.keys) == (True, 100, Signer(fee=100).keyset.keys)


async def test_a_keyset_that_is_no_longer_listed_is_kept_but_retired(world: World) -> None:
    (gone,) = world.mint.signers
    await world.house.mints.keysets(world.mint)
    world.mint.signers = {(other := Signer(fee=100)).id: other}

    keysets = await world.house.mints.keysets(world.mint, fresh=True)
    assert {one.id: one.active for one in keysets.values()} == {gone: False, other.id: True}


async def test_keysets_in_other_units_are_left_alone(world: World) -> None:
    dollars = Signer(unit="usd")
    world.mint.signers[dollars.id] = dollars
    assert dollars.id not in await world.house.mints.keysets(world.mint)
    assert world.mint.calls["keys"] == 1


async def test_a_keyset_whose_keys_belong_to_another_id_is_left_out(tmp_path: Path) -> None:
    bad = Signer(fee=3)

    class Careless(PlayedMint):
        async def keys(self, info: KeysetInfo, **_: float | None) -> Keyset:
            if info.id == bad.id:
                raise MintUnclear("wrong keys") from InvalidKeyset("not its id")
            return await super().keys(info)

    async with open_world(tmp_path, mint := Careless(Signer(), bad)) as world:
        assert list(await world.house.mints.keysets(mint)) == [Signer().id]


async def test_keys_that_cannot_be_fetched_fail_the_whole_reading(world: World) -> None:
    world.mint.broken["keys"] = MintUnclear("torn")
    with pytest.raises(MintUnreachable):
        await world.house.mints.keysets(world.mint)


async def test_outputs_are_made_with_the_active_keyset_of_the_unit(tmp_path: Path) -> None:
    sat, msat = Signer(), Signer(unit="msat")
    async with open_world(tmp_path, mint := PlayedMint(sat, msat)) as world:
        assert (await world.house.mints.active(mint, Unit.SAT)).id == sat.id
        assert (await world.house.mints.active(mint, Unit.MSAT)).id == msat.id
        mint.rotate(dear := Signer(fee=100))
        assert (await world.house.mints.active(mint, Unit.SAT, fresh=True)).id == dear.id
        dear.info = replace(dear.info, active=False)
        with pytest.raises(MintRefused, match="no active keyset for sat"):
            await world.house.mints.active(mint, Unit.SAT, fresh=True)


def test_a_mints_trouble_is_told_with_the_time_to_come_back() -> None:
    assert as_wallet_error(MintBusy(9)).headers == {"Retry-After": "9"}
    assert as_wallet_error(MintBusy(0)).headers == {"Retry-After": "1"}
    assert isinstance(as_wallet_error(MintBusy(9)), MintRateLimited)
    for error in (MintDown("gone"), MintUnclear("torn")):
        assert isinstance(as_wallet_error(error), MintUnreachable)
        assert as_wallet_error(error).headers == {"Retry-After": "5"}
    refused = as_wallet_error(MintRefusal(11_006, "amount out of range"))
    assert isinstance(refused, MintRefused)
    assert "amount out of range" in refused.message
