"""Another set of settings takes over: nothing under way is disturbed, a failure changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from routstr.assembly.running import Running
from routstr.core.options.service import Options
from routstr.core.settings import Settings
from routstr.errors import SettingsInvalid
from routstr.main import App, create_app
from tests.unit.core.asgi import ask

MODELS = (
    '{"data": [{"id": "m", "name": "m", "pricing": {"prompt": "0.000002", "completion": "0"},'
    ' "top_provider": {"context_length": 100, "max_completion_tokens": 10}}]}'
)


@asynccontextmanager
async def node(folder: Path) -> AsyncIterator[tuple[App, Options, Running]]:
    (folder / "models.json").write_text(MODELS)
    app = create_app(
        Settings(
            database_url=f"sqlite:///{folder}/node.db",
            models_path=folder / "models.json",
            log_dir=folder / "logs",
            enable_console_logging=False,
            verify_interval_seconds=0,
            btc_usd=Decimal(100_000),
        )
    )
    async with app.api.router.lifespan_context(app.api):
        assert app.options is not None
        assert app.running is not None
        yield app, app.options, app.running


async def price(app: App) -> Any:
    (model,) = (await ask(app, "GET", "/v1/models")).json()["data"]
    return model["sats_pricing"]["prompt"]


async def instances(running: Running) -> list[int]:
    """Those that have not left."""
    return await running._process.db.read(
        lambda c: [
            row[0] for row in c.exec_driver_sql("SELECT id FROM instances WHERE stopped_at IS NULL")
        ]
    )


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
