from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from routstr.admin.setup.provider_check import ProviderCheck, ProviderUnfit
from routstr.core.http import upstream_session
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.upstream.adapters import ADAPTERS

LISTED = {"data": [{"id": f"model-{number}"} for number in range(9)]}


@asynccontextmanager
async def provider(
    models: object = LISTED, models_status: int = 200, chat_status: int = 200
) -> AsyncIterator[tuple[ProviderCheck, str]]:
    async def listed(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer sk-right":
            return web.json_response({}, status=401)
        return web.json_response(models, status=models_status)

    async def chat(_: web.Request) -> web.Response:
        return web.json_response({}, status=chat_status)

    app = web.Application()
    app.router.add_get("/v1/models", listed)
    app.router.add_post("/v1/chat/completions", chat)
    server = TestServer(app, host="127.0.0.1")
    settings = Settings(allow_insecure_mints=True)
    async with server, upstream_session(settings, checked=True) as session:
        check = ProviderCheck(session, ADAPTERS, allow_insecure=True)
        yield check, str(server.make_url("/v1"))


async def test_a_provider_lists_its_models_and_takes_the_key() -> None:
    async with provider() as (check, url):
        report = await check.look("generic", url, Secret("sk-right"))
        assert (report.base_url, report.models, len(report.shown)) == (url, 9, 6)
        assert report.answered


async def test_a_list_is_not_needed() -> None:
    async with provider(models_status=404) as (check, url):
        report = await check.look("generic", url, Secret("sk-right"))
        assert (report.models, report.answered) == (None, False)
    async with provider(models={"data": 5}) as (check, url):
        assert (await check.look("generic", url, Secret("sk-right"))).models is None


@pytest.mark.parametrize(
    ("key", "models_status", "chat_status", "reason"),
    [
        ("sk-wrong", 200, 200, "key"),
        ("sk-right", 500, 200, "status"),
        ("sk-right", 200, 401, "key"),
        ("sk-right", 200, 402, "payment"),
    ],
)
async def test_what_keeps_it_from_being_used_is_told(
    key: str, models_status: int, chat_status: int, reason: str
) -> None:
    async with provider(LISTED, models_status, chat_status) as (check, url):
        with pytest.raises(ProviderUnfit) as told:
            await check.look("generic", url, Secret(key))
        assert told.value.reason == reason


async def test_a_first_model_that_is_not_for_chats_is_no_trouble() -> None:
    async with provider(chat_status=400) as (check, url):
        assert not (await check.look("generic", url, Secret("sk-right"))).answered


@pytest.mark.parametrize(
    ("kind", "url", "key", "reason"),
    [
        ("none", "", "", "input"),
        ("generic", "", "", "input"),
        ("generic", "http://10.0.0.1", "", "input"),
        ("generic", "http://127.0.0.1:1/v1", "two words", "input"),
        ("generic", "http://127.0.0.1:1/v1", "", "away"),
    ],
)
async def test_what_cannot_be_asked_is_told(kind: str, url: str, key: str, reason: str) -> None:
    async with provider() as (check, _):
        with pytest.raises(ProviderUnfit) as told:
            await check.look(kind, url, Secret(key))
        assert told.value.reason == reason
