"""Rows that several instances write at the same moment: nobody fails, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from routstr.catalog.override_store import Alteration, Overrides
from routstr.core import traffic_store
from routstr.core.access_log import AccessRecord
from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.traffic import Traffic
from routstr.core.traffic_store import TrafficStore
from routstr.payment import alert_store
from routstr.payment.alert_store import Alarm
from tests.integration.ledger.conftest import migrated_file, migrated_url, url

__all__ = ["migrated_file", "migrated_url", "url"]
ROUNDS = 4


@pytest.fixture
async def two(url: str) -> AsyncIterator[tuple[Database, Database]]:
    """Two instances on one database."""
    one, other = Database(url), Database(url)
    one.start()
    other.start()
    yield one, other
    await one.stop()
    await other.stop()


async def test_changes_of_one_model_are_all_kept(two: tuple[Database, Database]) -> None:
    one, other = (Overrides(db, ManualClock()) for db in two)
    for round_ in range(ROUNDS):
        model = f"m{round_ // 2}"  # at first it is new, then it is known
        await asyncio.gather(
            one.alter([Alteration(1, model, {f"a{round_}": round_})]),
            other.alter([Alteration(1, model, {f"b{round_}": round_})]),
        )
    _, entries = await one.every()
    assert {name: len(entry) for name, entry in entries[1].items()} == {
        f"m{number}": 5 for number in range(ROUNDS // 2)
    }


async def test_requests_of_all_are_counted(two: tuple[Database, Database]) -> None:
    stores = [TrafficStore(db, ManualClock(), Traffic()) for db in two]
    outcomes = [("/v1/x", 200, ""), ("/v1/y", 402, "insufficient_balance"), ("/v1/z", 200, "")]
    for _ in range(ROUNDS):
        for store, order in zip(stores, (outcomes, outcomes[::-1]), strict=True):
            for endpoint, status, code in order:
                store.counters.count(AccessRecord("r", endpoint, status, 3, error=code or None))
        await asyncio.gather(*(store.flush() for store in stores))
    for span in traffic_store.SPANS:
        found = await two[0].read(
            partial(traffic_store.outcomes, since=0, until=1 << 53, span=span)
        )
        assert {one: n for (_, one), n in found.items()} == dict.fromkeys(outcomes, 2 * ROUNDS)


async def test_an_alert_is_begun_once_and_sent_by_one(two: tuple[Database, Database]) -> None:
    one, other = two
    alarms = [Alarm("mint_down", name, {"problem": "away"}) for name in "abc"]
    await asyncio.gather(
        one.write(partial(alert_store.note, alarms=alarms, at=10)),
        other.write(partial(alert_store.note, alarms=alarms[::-1], at=11)),
    )
    due = await one.read(partial(alert_store.due, at=12))
    assert sorted(alert.subject for alert in due) == ["a", "b", "c"]
    for alert in due:
        claims = [db.write(partial(alert_store.claim, alert=alert, at=13)) for db in two]
        assert sorted(await asyncio.gather(*claims)) == [False, True]
    await one.write(partial(alert_store.end_unseen, names={"mint_down"}, before=12, at=14))
    assert await other.read(alert_store.active) == []
    over = await other.read(partial(alert_store.due, at=15))
    assert len(over) == len(alarms)
