from typing import Any, cast

import pytest
from fastapi import FastAPI

from routstr.catalog.service import Catalog
from routstr.core.clock import ManualClock
from routstr.core.onion import OnionAddress
from routstr.core.rendering import install_error_handlers
from routstr.core.settings import Settings
from routstr.errors import ModelNotFound
from routstr.node.endpoints import NodeParts, router
from routstr.node.health import Health
from tests.unit.core.asgi import Answer, ask


class Parts:
    able = True
    deposits_are = "open"
    status = ""

    def listing(self) -> bytes:
        return b'{"object":"list","data":[]}'

    def model_body(self, name: str) -> bytes:
        if name != "vendor/known":
            raise ModelNotFound(f"Model {name!r} not found")
        return b'{"id":"known"}'

    async def deposits(self) -> str:
        return self.deposits_are

    async def check(self) -> tuple[bool, dict[str, object]]:
        status = self.status or ("healthy" if self.able else "unhealthy")
        database = "ok" if self.able or self.status else "not writable: TimeoutError"
        parts = {"database": database, "upstream": "ok", "price": "ok", "mints": {"m": "ok"}}
        return self.able, {"status": status, **parts}


PARTS = Parts()


def _app() -> FastAPI:
    app = FastAPI(title="A node", docs_url=None)
    install_error_handlers(app)
    app.include_router(router)
    mints = "https://a.example,https://b.example"
    settings = Settings(
        name="A node", cashu_mints=mints, swap_mints="https://c.example", onion_url="n.onion"
    )
    catalog, health = cast("Catalog", PARTS), cast("Health", PARTS)
    onion = OnionAddress(settings, ManualClock())

    async def receipt_pubkey() -> str:
        return "ab" * 32

    app.state.node = NodeParts(
        settings, catalog, health, onion, lambda: "npub1node", receipt_pubkey
    )
    return app


APP = _app()


async def get(path: str) -> Answer:
    return await ask(APP, "GET", path)


async def test_the_root_says_what_runs_here() -> None:
    answer: dict[str, Any] = (await get("/")).json()
    assert (answer["name"], answer["status"]) == ("A node", "running")


async def test_info_lists_every_mint() -> None:
    answer = (await get("/v1/info")).json()
    assert answer["mints"] == ["https://a.example", "https://b.example"]
    assert answer["swap_mints"] == ["https://c.example"]
    assert answer["onion_url"] == "http://n.onion"
    assert answer["receipt_pubkey"] == "ab" * 32
    assert {"version", "npub", "http_url", "child_key_cost_msats"} <= answer.keys()


@pytest.mark.parametrize(("state", "open_"), [("open", True), ("closed: x", False)])
async def test_info_tells_whether_money_is_taken(
    state: str, open_: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PARTS, "deposits_are", state)
    assert (await get("/v1/info")).json()["deposits_open"] is open_


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/", "/models", "/models/"])
async def test_models_have_their_aliases(path: str) -> None:
    answer = await get(path)
    assert (answer.status, answer.json()["object"]) == (200, "list")
    assert answer.header("content-type") == "application/json"


@pytest.mark.parametrize("path", ["/v1/models/vendor/known", "/models/vendor/known/"])
async def test_a_model_has_a_page_under_any_name(path: str) -> None:
    assert (await get(path)).json() == {"id": "known"}


async def test_a_model_that_is_not_sold_is_not_found() -> None:
    answer = await get("/v1/models/other")
    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
    assert "'other'" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("able", "status"), [(True, 200), (False, 503)])
async def test_health_has_a_status_that_machines_read(
    able: bool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PARTS, "able", able)
    answer = await get("/health")
    assert answer.status == status
    assert answer.json()["version"]
    assert answer.header("cache-control") == "no-store"


async def test_a_process_that_answers_is_alive_whatever_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PARTS, "able", False)
    answer = await get("/health/live")
    assert (answer.status, answer.json()) == (200, {"status": "alive"})
    assert answer.header("cache-control") == "no-store"


@pytest.mark.parametrize(
    ("able", "status", "code", "told", "missing"),
    [
        (True, "", 200, "ready", {}),
        (False, "", 503, "not ready", {"database": "not writable: TimeoutError"}),
        (False, "stopping", 503, "stopping", {}),
    ],
)
async def test_who_is_ready_gets_requests(
    able: bool,
    status: str,
    code: int,
    told: str,
    missing: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PARTS, "able", able)
    monkeypatch.setattr(PARTS, "status", status)
    answer = await get("/health/ready")
    assert answer.status == code
    assert answer.json() == {"status": told, "missing": missing, "mints": {"m": "ok"}}
