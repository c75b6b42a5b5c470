"""The node put together: what it serves, what it refuses to start with, what it leaves behind."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from routstr.assembly.money import settle_rest
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.errors import DatabaseUnavailable, InsufficientBalance, OutcomeUnknown
from routstr.ledger.guards import GuardsMissing
from routstr.ledger.service import Ledger
from routstr.main import App, create_app
from routstr.wallet.payment_request import PaymentRequest, decode
from tests.unit.core.asgi import ask

MODELS = (
    '{"data": [{"id": "m", "name": "m",'
    ' "pricing": {"prompt": "0.000002", "completion": "0.000008"},'
    ' "top_provider": {"context_length": 100, "max_completion_tokens": 10}}]}'
)


def settings(folder: Path, **more: Any) -> Settings:
    models = folder / "models.json"
    if not models.exists():
        models.write_text(MODELS)
    return Settings(
        database_url=f"sqlite:///{folder}/node.db",
        models_path=models,
        log_dir=folder / "logs",
        enable_console_logging=False,
        verify_interval_seconds=0,
        **{"btc_usd": Decimal(100_000), **more},
    )


@asynccontextmanager
async def running(app: App) -> AsyncIterator[App]:
    async with app.api.router.lifespan_context(app.api):
        yield app


async def test_a_node_serves_models_health_and_refuses_unknown_keys(tmp_path: Path) -> None:
    async with running(create_app(settings(tmp_path))) as app:
        models = (await ask(app, "GET", "/v1/models")).json()
        assert [model["id"] for model in models["data"]] == ["m"]
        assert (await ask(app, "GET", "/health")).status == 503  # no provider yet
        for path in ("/v1/balance/info", "/v1/wallet/info"):
            answer = await ask(app, "GET", path, headers=[("Authorization", "Bearer sk-1")])
            assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_without_a_provider_a_paid_route_says_which_setting_is_missing(
    tmp_path: Path,
) -> None:
    async with running(create_app(settings(tmp_path))) as app:
        answer = await ask(app, "POST", "/v1/chat/completions", chunks=[b"{}"])
        assert (answer.status, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
        assert "UPSTREAM_BASE_URL" in answer.json()["error"]["message"]


async def test_a_draining_node_takes_no_paid_request(tmp_path: Path) -> None:
    async with running(create_app(settings(tmp_path))) as app:
        app.drain()
        answer = await ask(app, "POST", "/v1/chat/completions", chunks=[b"{}"])
        assert (answer.status, answer.json()["error"]["code"]) == (503, "shutting_down")


async def test_a_management_route_that_wants_money_first_says_how_to_pay(tmp_path: Path) -> None:
    """The mint is one that nobody runs: it is named, because no other answers."""

    async def poor() -> None:
        raise InsufficientBalance(details={"required": 1_500})

    mint = "http://127.0.0.1:9"
    more = {"cashu_mints": mint, "allow_insecure_mints": True, "http_url": "http://n.example"}
    async with running(create_app(settings(tmp_path, **more))) as app:
        app.api.add_api_route("/poor", poor)
        answer = await ask(app, "GET", "/poor")
        told = answer.json()
        request = decode(answer.header("x-cashu") or "")
        assert request == PaymentRequest(amount=2, unit="sat", mints=(mint,))
        assert (told["amount"], told["max_cost_msat"], told["mints"]) == (2, 1_500, [mint])
        assert told["topup_url"] == "http://n.example/v1/balance/topup"
        assert told["detail"]["error"] == told["error"]


async def test_an_instance_enters_itself_and_leaves_in_good_order(tmp_path: Path) -> None:
    async with running(create_app(settings(tmp_path))):
        pass
    connection = sqlite3.connect(tmp_path / "node.db")
    (row,) = connection.execute("SELECT started_at, stopped_at FROM instances").fetchall()
    connection.close()
    assert row[0] <= row[1]
    assert (tmp_path / "node.db").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "routstr_secret.key").stat().st_mode & 0o777 == 0o600


async def test_another_secret_key_stops_the_start_and_says_what_to_do(tmp_path: Path) -> None:
    async with running(create_app(settings(tmp_path))):
        pass
    other = create_app(settings(tmp_path, routstr_secret_key=Secret("ab" * 32)))
    with pytest.raises(ValueError, match="does not belong to this database"):
        async with running(other):
            pass
    assert other.start_problem is not None
    assert "Put back the key" in other.start_problem


async def test_the_server_is_told_one_line_when_the_start_fails(tmp_path: Path) -> None:
    (tmp_path / "models.json").write_text("[")
    app = create_app(settings(tmp_path))
    said: list[dict[str, Any]] = []
    inbox = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> dict[str, Any]:
        return inbox.pop(0)

    async def send(message: Any) -> None:
        said.append(message)

    with pytest.raises(ValueError, match=r"models\.json"):
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    assert [message["type"] for message in said] == ["lifespan.startup.failed"]
    assert said[0]["message"].startswith("The node cannot start: ")
    assert "Traceback" not in said[0]["message"]


async def test_fixed_prices_need_no_price_of_bitcoin(tmp_path: Path) -> None:
    fixed = settings(
        tmp_path, btc_usd=Decimal(50_000), fixed_pricing=True, fixed_cost_per_request=Decimal(2)
    )
    async with running(create_app(fixed)) as app:
        (model,) = (await ask(app, "GET", "/v1/models")).json()["data"]
        assert model["sats_pricing"]["request"] == 2
        assert model["sats_pricing"]["prompt"] == 0


@pytest.mark.parametrize("verb", ["update", "delete"])
async def test_a_database_without_its_guards_is_not_served(tmp_path: Path, verb: str) -> None:
    async with running(create_app(settings(tmp_path))):
        pass
    connection = sqlite3.connect(tmp_path / "node.db")
    connection.execute(f"DROP TRIGGER transfers_no_{verb}")
    connection.close()
    with pytest.raises(GuardsMissing, match=f"transfers_no_{verb}"):
        async with running(create_app(settings(tmp_path))):
            pass


class _Ledger:
    """Owes settlements, and notes whether they were asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked = 0

    async def settle_late(self) -> int:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return 1

    def live_holds(self) -> frozenset[int]:
        return frozenset({7})


@pytest.mark.parametrize("error", [None, DatabaseUnavailable(), OutcomeUnknown()])
async def test_what_is_still_owed_is_charged_before_the_node_ends(error: Exception | None) -> None:
    ledger = _Ledger(error)
    await settle_rest(cast("Ledger", ledger))
    assert ledger.asked == 1


async def test_stopping_asks_for_overdue_settlements_while_the_database_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_then: list[bool] = []

    async def settle_late(self: Ledger) -> int:
        open_then.append(await self._db.read(lambda c: not c.closed))
        return 0

    async with running(create_app(settings(tmp_path))):
        monkeypatch.setattr(Ledger, "settle_late", settle_late)
        open_then.clear()
    assert open_then == [True]
