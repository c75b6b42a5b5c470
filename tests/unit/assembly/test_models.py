"""What is sold by MODEL_SOURCES, with lists that are read over HTTP."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from routstr.assembly.models import Shelf, build_shelf, open_catalog, start_lists
from routstr.assembly.providers import provider_of_settings, upstream_sessions
from routstr.catalog.models_file import ModelsFileError
from routstr.catalog.rules import UnknownRule
from routstr.catalog.service import Catalog
from routstr.core.clock import SystemClock
from routstr.core.http import outgoing_session
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor

PRICES = {"prompt": "0.000001", "completion": "0.000002"}
MINE = {"id": "mine", "context_length": 1000, "pricing": PRICES}


class Lists:
    """Plays a provider's list and the public one; ``keys`` are what came with the questions."""

    def __init__(self) -> None:
        self.keys: list[str | None] = []

    async def own(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization"))
        return web.json_response({"object": "list", "data": [{"id": "bare"}, {"id": "unknown"}]})

    async def public(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization"))
        listed = {"id": "vendor/bare", "context_length": 2000, "pricing": PRICES}
        return web.json_response({"data": [listed]})


@asynccontextmanager
async def playing() -> AsyncIterator[tuple[Lists, str]]:
    lists, app = Lists(), web.Application()
    app.add_routes([web.get("/v1/models", lists.own), web.get("/public", lists.public)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield lists, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def settings(folder: Path, *models: object, **more: Any) -> Settings:
    path = folder / "models.json"
    path.write_text(json.dumps(models or (MINE,)))
    return Settings(
        database_url=Secret(f"sqlite:///{folder}/node.db"),
        models_path=path,
        btc_usd=Decimal(100_000),
        upstream_api_key=Secret("sk-of-the-node"),
        **more,
    )


@asynccontextmanager
async def shelf_of(chosen: Settings) -> AsyncIterator[tuple[Catalog, Shelf]]:
    clock = SystemClock()
    catalog, entries = open_catalog(chosen, clock)
    catalog.set_rate(Decimal(100_000), fresh_for_s=None)
    outgoing = outgoing_session(chosen, allow_loopback=chosen.allow_insecure_mints)
    async with upstream_sessions(chosen) as upstream, outgoing:
        shelf = build_shelf(catalog, entries, chosen, clock, upstream=upstream, outgoing=outgoing)
        await shelf.follow(provider_of_settings(chosen))
        yield catalog, shelf


async def test_the_file_alone_is_sold_without_any_question(tmp_path: Path) -> None:
    chosen = settings(tmp_path, upstream_base_url="http://127.0.0.1:1/v1", upstream_name="p")
    async with shelf_of(chosen) as (catalog, shelf):
        await shelf.lists.refresh()
        assert list(catalog.current().models) == ["mine"]
        assert catalog.current().models["mine"].provider == "p"
        supervisor = Supervisor(SystemClock())
        start_lists(shelf, supervisor)
        assert supervisor.reports() == ()


async def test_a_node_without_a_provider_still_shows_its_file(tmp_path: Path) -> None:
    async with shelf_of(settings(tmp_path)) as (catalog, _):
        assert list(catalog.current().models) == ["mine"]


async def test_lists_are_read_over_http_with_the_key_for_the_provider_alone(
    tmp_path: Path,
) -> None:
    async with playing() as (lists, url):
        chosen = settings(
            tmp_path,
            {**MINE, "alias_ids": ["fast"]},
            upstream_base_url=f"{url}/v1",
            model_sources=("file", "upstream", "openrouter"),
            openrouter_models_url=f"{url}/public",
            allow_insecure_mints=True,
        )
        async with shelf_of(chosen) as (catalog, shelf):
            assert list(catalog.current().models) == ["mine"]
            await shelf.lists.refresh()
            sold = catalog.current()
            assert list(sold.models) == ["mine", "bare"]
            assert sold.models["bare"].context_length == 2000
            assert sold.find("fast") is sold.models["mine"]
        assert sorted(map(str, lists.keys)) == ["Bearer sk-of-the-node", "None"]


async def test_the_public_list_is_not_read_from_a_private_address(tmp_path: Path) -> None:
    async with playing() as (lists, url):
        chosen = settings(
            tmp_path,
            upstream_base_url=f"{url}/v1",
            model_sources=("upstream", "openrouter"),
            openrouter_models_url=f"{url}/public",
        )
        async with shelf_of(chosen) as (catalog, shelf):
            await shelf.lists.refresh()
            assert list(catalog.current().models) == []
        assert lists.keys == ["Bearer sk-of-the-node"]


async def test_lists_are_read_by_a_task(tmp_path: Path) -> None:
    chosen = settings(tmp_path, model_sources=("file", "upstream"))
    async with shelf_of(chosen) as (_, shelf):
        supervisor = Supervisor(SystemClock())
        start_lists(shelf, supervisor)
        assert [report.name for report in supervisor.reports()] == ["models"]
        await supervisor.stop(1)


def test_what_is_wrong_with_the_file_or_the_rules_stops_the_start(tmp_path: Path) -> None:
    clock = SystemClock()
    with pytest.raises(ModelsFileError, match=r"models\.json: model 'm': context_length"):
        open_catalog(settings(tmp_path, {"id": "m"}), clock)
    open_catalog(settings(tmp_path, {"id": "m"}, model_sources=("file", "upstream")), clock)
    for wrong in ({"pricing_rule": "spot"}, {"pricing_rule_of": ("custom=spot",)}):
        with pytest.raises(UnknownRule, match="'spot'; known are fixed, token"):
            open_catalog(settings(tmp_path, **wrong), clock)
    with pytest.raises(UnknownRule, match="'spot'"):
        open_catalog(settings(tmp_path, {**MINE, "pricing_rule": "spot"}), clock)


def test_without_the_file_among_the_sources_it_is_not_read(tmp_path: Path) -> None:
    chosen = settings(tmp_path, model_sources=("upstream",))
    chosen.models_path.unlink()
    _, entries = open_catalog(chosen, SystemClock())
    assert entries == ()


@pytest.mark.parametrize(
    ("more", "warned"),
    [({}, True), ({"free": True}, False), ({"base_msats": 5}, False), ({"enabled": True}, True)],
)
def test_prices_of_nothing_that_may_be_a_slip_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, more: dict[str, Any], *, warned: bool
) -> None:
    nothing = {"prompt": "0", "completion": 0}
    open_catalog(settings(tmp_path, {**MINE, "pricing": nothing, **more}), SystemClock())
    assert ("prices_of_nothing_are_not_sold" in caplog.text) is warned


def test_a_new_node_that_names_no_models_file_begins_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, entries = open_catalog(Settings(), SystemClock())
    assert entries == ()
    with pytest.raises(ModelsFileError, match="No such file"):
        open_catalog(Settings(models_path=tmp_path / "models.json"), SystemClock())
