from pathlib import Path
from typing import Any, cast

from routstr.core.clock import ManualClock
from routstr.node.conditions import CONDITIONS, Conditions, of_report
from routstr.node.health import Health
from routstr.payment.maintenance import STATE
from tests.unit.upstream.storing import database

WELL: dict[str, Any] = {
    "mints": {"https://a.example": "ok"},
    "providers": {"p": {"reachable": True, "state": "closed", "last_failure": ""}},
    "price": "ok",
    "deposits": "open",
    "failing_tasks": [],
}


class Doctor:
    def __init__(self, **report: object) -> None:
        self.report = WELL | report

    async def check(self) -> tuple[bool, dict[str, Any]]:
        return True, self.report


def names(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.name, one.subject) for one in of_report(WELL | report)]


def test_each_thing_that_is_wrong_is_one_alarm() -> None:
    down = {"reachable": False, "state": "closed", "last_failure": "x"}
    resting = {"reachable": True, "state": "open", "last_failure": "x"}
    assert names({}) == []
    assert names({"mints": {"m": "failing: X", "n": "ok"}}) == [("mint_down", "m")]
    assert names({"providers": {"a": down, "b": resting}}) == [
        ("provider_down", "a"),
        ("provider_down", "b"),
    ]
    assert names({"price": "no current price"}) == [("price_stale", "")]
    assert names({"deposits": "closed: a sum"}) == [("books_broken", "")]
    assert names({"failing_tasks": ["prices"]}) == [("task_failing", "prices")]
    for state in (STATE, "unknown", "waiting for the first verification"):
        assert names({"deposits": state}) == []


async def test_what_may_pass_is_told_when_it_is_seen_twice(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        doctor, problem = Doctor(mints={"m": "failing"}, deposits="closed: x"), "mint_error"
        leaps: dict[str, list[object]] = {"a": ["m: prompt 1 -> 20 USD", "n: prompt 1 -> 30 USD"]}
        folders = [tmp_path, Path("/nowhere")]
        health = cast("Health", doctor)
        seen = Conditions(health, db, ManualClock(), lambda: problem, folders, lambda: leaps)
        first = [one.name for one in await seen.look()]
        told = await seen.look()
        again = [one.name for one in told]
        assert first == ["books_broken"]
        assert again == ["mint_down", "books_broken", "payout_failing", "price_jump"]
        assert told[-1].facts == {"count": 2, "problem": "m: prompt 1 -> 20 USD"}
        assert set(again) <= CONDITIONS
        doctor.report, problem, leaps = WELL, "", {}
        assert await seen.look() == []
