import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from routstr.auth.terms import NO_TERMS
from routstr.balance import usage
from routstr.balance.usage import Usages
from routstr.core.rendering import install_error_handlers
from routstr.errors import ChildKeyNotAllowed, KeyNotFound
from tests.unit.balance.desk import Desk, desk
from tests.unit.core.asgi import ask


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as at:
        yield at


async def test_what_was_spent_is_told_by_day_and_model(at: Desk) -> None:
    ring = at.ring
    usages = Usages(ring.world.db, ring.auth)
    payer = await ring.key(8)
    assert (await usages.lately(f"Bearer {payer.key}")).data == []
    await ring.spend(payer, 500)
    told = await usages.lately(f"Bearer {payer.key}")
    [used] = told.data
    assert (used.model, used.requests, used.cost_msats) == ("m", 1, 500)
    assert (used.input_tokens, used.output_tokens) == (1, 1)
    assert len(used.date) == len("2026-01-01")
    assert told.complete
    [child] = await ring.children.create(payer, 1, NO_TERMS)
    with pytest.raises(ChildKeyNotAllowed):
        await usages.lately(f"Bearer {child}")
    with pytest.raises(KeyNotFound):
        await usages.lately("Bearer sk-nobody's")


async def test_a_history_is_a_table_over_all_its_pages(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "PAGE_MAX", 2)
    ring = at.ring
    payer = await ring.key(8)
    for cost in (100, 200, 300):
        await ring.spend(payer, cost)
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(usage.router)
    app.state.histories, app.state.usages = at.histories, Usages(ring.world.db, ring.auth)
    bearer = [("authorization", f"Bearer {payer.key}")]
    answer = await ask(app, "GET", "/history.csv", headers=bearer)
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-type") == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [row["amount_msat"] for row in rows] == ["-300", "-200", "-100", "8000"]
    assert [row["kind"] for row in rows] == ["charge", "charge", "charge", "deposit"]
    nobody = [("authorization", "Bearer sk-nobody's")]
    refused = await ask(app, "GET", "/history.csv", headers=nobody)
    assert refused.status == 401
    assert (await ask(app, "GET", "/usage", headers=bearer)).json()["charges"] == 3


@pytest.mark.parametrize(("text", "written"), [("=1+1", "'=1+1"), ("gpt", "gpt"), (None, None)])
def test_no_text_becomes_a_formula(text: str | None, written: str | None) -> None:
    assert usage._harmless(text) == written
