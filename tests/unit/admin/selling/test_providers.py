from pathlib import Path

import pytest

from routstr.admin.schemas import ProviderCreate
from routstr.core.secret import Secret
from routstr.errors import ProviderInvalid, UpstreamUnavailable
from tests.unit.admin.selling.shop import Played, Shop, open_shop

NAMED = {"provider_type": "generic", "slug": "spare"}


async def add_spare(shop: Shop, *keys: str) -> None:
    wanted = {**NAMED, "base_url": shop.url, "api_keys": [Secret(key) for key in keys]}
    await shop.board.desk.add(ProviderCreate.model_validate(wanted))


def keys_of(shop: Shop) -> list[str]:
    return [key.reveal() for key in shop.fleet.carriers["spare"].profile.keys]


async def test_keys_are_rotated_by_their_numbers(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await add_spare(shop, "sk-1")
        await shop.board.add_key("spare", Secret("sk-2"))
        assert keys_of(shop) == ["sk-1", "sk-2"]
        version = (await shop.board.one("spare")).version
        assert version is not None
        for number, seen in ((1, version - 1), (3, version)):
            with pytest.raises(ProviderInvalid):
                await shop.board.remove_key("spare", number, seen)
        await shop.board.remove_key("spare", 1, version)
        assert keys_of(shop) == ["sk-2"]
        with pytest.raises(ProviderInvalid):
            await shop.board.add_key("spare", Secret(" "))
        for which in ("own", "0"):
            with pytest.raises(ProviderInvalid, match="UPSTREAM_BASE_URL"):
                await shop.board.add_key(which, Secret("sk-3"))


async def test_a_look_tells_of_the_list_and_of_every_key(tmp_path: Path) -> None:
    played = Played({"sk-old"})
    async with open_shop(tmp_path, keys=("sk-own", "sk-old"), played=played) as shop:
        probe = await shop.board.probe("own")
        assert (probe.listed.worked, probe.models, probe.model) == (True, 2, "small")
        assert [(one.number, one.tried.worked) for one in probe.keys] == [(1, True), (2, False)]
        await add_spare(shop)
        probe = await shop.board.probe("spare")
        assert (probe.models, probe.model, probe.keys) == (2, "", ())


async def test_health_is_told_and_whoever_is_left_alone_is_asked_again(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        carrier = shop.fleet.carriers["own"]
        carrier.pace.took(0.25)
        for _ in range(3):
            carrier.broke_off(UpstreamUnavailable(), 0.0)
        carrier.lines[0].rest("", 1e12, 0.0)
        (shown,) = await shop.board.every()
        health = shown.health
        assert (health.answered, health.failed, health.p50_seconds) == (1, 3, 0.25)
        assert health.state != "closed"
        assert health.since is not None
        assert (health.keys_resting, shown.models) == (1, 3)
        health = await shop.board.reset("own")
        assert (health.state, health.since, health.keys_resting) == ("closed", None, 0)


async def test_one_that_is_switched_off_has_no_health(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await add_spare(shop, "sk-1")
        await shop.board.desk.change(
            "spare", ProviderCreate.model_validate({**NAMED, "enabled": False})
        )
        shown = await shop.board.one("spare")
        assert (shown.health.connected, shown.provider.enabled) == (False, False)
        with pytest.raises(ProviderInvalid):
            await shop.board.reset("spare")
        assert (await shop.board.probe("spare")).listed.worked
