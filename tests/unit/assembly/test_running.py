"""One set of settings at work."""

from pathlib import Path

from routstr.core.settings import Settings
from tests.unit.assembly.living import instances, node


async def test_it_waits_for_what_is_under_way_but_not_for_ever_and_leaves(tmp_path: Path) -> None:
    async with node(tmp_path) as (_, _, running):
        running.active += 1
        assert not await running.retire(0)
        running.active -= 1
        assert await running.retire(0)
        await running.close()
        assert await instances(running) == []


async def test_what_the_routes_ask_for_is_there(tmp_path: Path) -> None:
    async with node(tmp_path) as (app, options, running):
        state = app.api.state
        assert state is running.state
        assert state.options is options
        assert isinstance(state.node.settings, Settings)
        assert app.settings is running.settings
