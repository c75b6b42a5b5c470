"""Another set of settings takes over: nothing under way is disturbed, a failure changes nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from routstr.errors import SettingsInvalid
from routstr.main import App
from tests.unit.assembly.living import instances, node
from tests.unit.core.asgi import ask


async def price(app: App) -> Any:
    (model,) = (await ask(app, "GET", "/v1/models")).json()["data"]
    return model["sats_pricing"]["prompt"]


async def test_a_change_is_served_at_once_and_the_old_one_ends_what_it_has_begun(
    tmp_path: Path,
) -> None:
    async with node(tmp_path) as (app, options, first):
        before = await price(app)
        first.active += 1  # a request that is under way
        await options.change({"upstream_provider_fee": "2.1", "name": "Mine"})
        assert await price(app) == before * 2
        assert (await ask(app, "GET", "/v1/info")).json()["name"] == "Mine"
        assert app.api.openapi()["info"]["title"] == "Mine"
        assert app.running is not first
        throttle = first.state.admin.sessions._throttle
        assert app.api.state.admin.sessions._throttle is throttle  # whoever guesses waits on
        assert await instances(first) == [1, 2]
        first.active -= 1
        async with asyncio.timeout(10):
            while await instances(first) != [2]:  # noqa: ASYNC110 - of the old one
                await asyncio.sleep(0.02)


async def test_what_cannot_start_is_told_and_nothing_changes(tmp_path: Path) -> None:
    async with node(tmp_path) as (app, options, first):
        (tmp_path / "models.json").write_text("[")
        with pytest.raises(SettingsInvalid, match=r"cannot serve like this: .*models\.json"):
            await options.change({"name": "Mine"})
        assert not await options.current()
        assert app.running is first
        assert await instances(first) == [1]
        assert (await ask(app, "GET", "/v1/info")).json()["name"] == "ARoutstrNode"


async def test_a_stop_waits_for_nobody_who_was_replaced(tmp_path: Path) -> None:
    async with node(tmp_path) as (app, options, first):
        first.active += 1
        await options.change({"log_level": "DEBUG"})
        app.drain()
        assert first.hot.draining
