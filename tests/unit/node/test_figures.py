"""What monitoring reads of the money and of the parts."""

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text

from routstr.core.clock import ManualClock
from routstr.core.db import Database, Tx
from routstr.core.metrics import read
from routstr.core.metrics.exposition import Point
from routstr.errors import PriceUnavailable
from routstr.node.figures import Figures
from routstr.wallet.mint_health import MintHealth
from tests.unit.upstream.storing import database

AGE_S = 90
NOW = ManualClock().now_ms()


class Parts:
    """A catalogue, providers and mints."""

    def __init__(self, *, price: bool = True) -> None:
        self.price = price
        self.carriers = {
            name: SimpleNamespace(breaker=SimpleNamespace(ready=lambda _now, up=up: up))
            for name, up in {"up": True, "down": False}.items()
        }

    def current(self) -> Any:
        if not self.price:
            raise PriceUnavailable
        return SimpleNamespace(models={"a": 1, "b": 2}, usd_per_btc=Decimal(90_000))

    def health(self) -> dict[str, MintHealth]:
        seen = MintHealth().answered(NOW, 40)
        return {"https://well": seen, "https://ill": seen.failed(NOW, "no connection")}


def figures(db: Database, parts: Parts) -> Figures:
    given: Any = parts
    return Figures(db, ManualClock(), given, given, given, 60)


def values(points: list[Point]) -> dict[tuple[str, ...], float]:
    return {(point.family.name.removeprefix("routstr_"), *point.labels): point.value
            for point in points}  # fmt: skip


FILLED = f"""
INSERT INTO accounts
  (id, kind, name, overdraft, closed, posted, held, deposited, spent, requests, created_at)
  VALUES (901, 1, NULL, 0, 0, 700, 40, 0, 0, 0, 0), (902, 20, 'x', 1, 0, 300, 0, 0, 0, 0, 0);
INSERT INTO holds (account, amount, state, charged, uncollected, owner, request_id, model,
  endpoint, price_version, rates, prompt_tokens, completion_tokens, estimated, created_at)
  VALUES (901, 40, 0, 0, 0, 1, 'r', 'm', 'e', 1, '', 0, 0, 0, 0);
INSERT INTO sagas (kind, state, purpose, mint, unit, gross, fee, plan, context,
  lease_owner, lease_epoch, problem, created_at) VALUES
  (1, 0, 'topup', 'https://well', 'sat', 2, 0, '', '', 1, 1, NULL, {NOW}),
  (1, 0, 'topup', 'https://well', 'sat', 2, 0, '', '', 1, 1, 'x', {NOW - AGE_S * 1_000}),
  (2, 1, 'refund', 'https://well', 'sat', 2, 0, '', '', 1, 1, NULL, 0);
INSERT INTO verifications (id, version, full_at, closed_at, reason)
  VALUES (1, 1, 5000, 6000, 'one equation; another');
INSERT INTO alerts (name, subject, since, seen_at, facts, owed)
  VALUES ('disk_full', '', 0, 0, '{{}}', 0), ('disk_full', 'logs', 0, 0, '{{}}', 0)
"""


def fill(tx: Tx) -> None:
    """An account, revenue, a hold, sagas, broken books, an alert of two parts."""
    for statement in FILLED.split(";\n"):
        tx.sql.execute(text(statement))


async def test_the_books_are_told_as_they_are(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        await db.write(fill)
        found = values(await figures(db, Parts()).stored())
    assert found["holds_open",] == 1
    assert found["held_msat",] == 40
    assert found["sagas_open", "receive", "moving"] == 1
    assert found["sagas_open", "receive", "stuck"] == 1
    assert found["sagas_open", "send", "moving"] == 0
    assert found["saga_oldest_seconds", "receive"] == AGE_S
    assert found["saga_oldest_seconds", "send"] == 0
    assert found["surplus_msat",] == found["operator_account_msat", "revenue"] == 300
    assert found["invariant_violations",] == 2
    assert found["verified_timestamp_seconds",] == 5
    assert found["alerts_active", "disk_full"] == 2
    assert found["instances",] == 0


async def test_what_the_process_knows(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        found = values(list(figures(db, Parts()).own(0)))
        without = values(list(figures(db, Parts(price=False)).own(0)))
    assert found == {
        ("database_readers", "busy"): 0,
        ("database_readers", "free"): 4,
        ("database_waiting", "read"): 0,
        ("database_waiting", "write"): 0,
        ("models",): 2,
        ("btc_usd",): 90_000,
        ("provider_up", "up"): 1,
        ("provider_up", "down"): 0,
        ("mint_up", "https://well"): 1,
        ("mint_up", "https://ill"): 0,
    }
    assert without["models",] == 0
    assert ("btc_usd",) not in without


def test_only_what_is_described_is_told() -> None:
    assert len(read.READ) == len(set(read.READ))
