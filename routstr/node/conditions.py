"""What an operator has to know at once: looked at again and again, by every instance.

What may be a single bad moment (a mint, a provider that does not answer) counts when it is seen
twice in a row.
"""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, func, select
from sqlmodel import col

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.node.health import OPEN, Health
from routstr.payment.alert_store import Alarm
from routstr.payment.maintenance import STATE
from routstr.wallet.models import SagaRow, SagaState

MINT_DOWN: Final = "mint_down"
PROVIDER_DOWN: Final = "provider_down"
PRICE_STALE: Final = "price_stale"
PRICE_JUMP: Final = "price_jump"
BOOKS_BROKEN: Final = "books_broken"
PAYOUT_FAILING: Final = "payout_failing"
TASK_FAILING: Final = "task_failing"
SAGAS_STUCK: Final = "sagas_stuck"
DISK_LOW: Final = "disk_low"
CONDITIONS: Final = frozenset(
    {
        MINT_DOWN,
        PROVIDER_DOWN,
        PRICE_STALE,
        PRICE_JUMP,
        BOOKS_BROKEN,
        PAYOUT_FAILING,
        TASK_FAILING,
        SAGAS_STUCK,
        DISK_LOW,
    }
)
STUCK_MS: Final = 3_600_000
"""A movement of ecash that is open longer is told."""
DISK_FREE_MIN: Final = 512 * 1024**2
_CLOSED: Final = "closed: "

Report = Mapping[str, Any]


class Conditions:
    """Looks at everything once; ``payout_problem`` says why the last payout failed, or nothing."""

    def __init__(
        self,
        health: Health,
        db: Database,
        clock: Clock,
        payout_problem: Callable[[], str],
        folders: Sequence[Path],
        jumps: Callable[[], Mapping[str, Sequence[object]]] = dict,
    ) -> None:
        """``folders`` lie on the disks that must not fill up; ``jumps`` are prices in lists."""
        self._health: Final = health
        self._db: Final = db
        self._clock: Final = clock
        self._payout_problem: Final = payout_problem
        self._folders: Final = tuple(folders)
        self._jumps: Final = jumps
        self._suspects: frozenset[tuple[str, str]] = frozenset()

    async def look(self) -> list[Alarm]:
        """Everything that is wrong now. Raises what the database raises."""
        _, report = await self._health.check()
        found = of_report(report)
        if problem := self._payout_problem():
            found.append(Alarm(PAYOUT_FAILING, "", {"problem": problem}))
        found += [
            Alarm(PRICE_JUMP, name, {"count": len(prices), "problem": str(prices[0])})
            for name, prices in self._jumps().items()
        ]
        before = self._clock.now_ms() - STUCK_MS
        stuck, oldest = await self._db.read(lambda c: _open_since(c, before))
        if stuck:
            found.append(Alarm(SAGAS_STUCK, "", {"count": stuck, "oldest": oldest}))
        found += await asyncio.to_thread(_full_disks, self._folders)
        seen = frozenset((alarm.name, alarm.subject) for alarm in found)
        lasting = [
            alarm
            for alarm in found
            if alarm.name == BOOKS_BROKEN or (alarm.name, alarm.subject) in self._suspects
        ]
        self._suspects = seen
        return lasting


def of_report(report: Report) -> list[Alarm]:
    """What a report of the node's health says that is wrong."""
    mints = cast("Mapping[str, str]", report["mints"])
    providers = cast("Mapping[str, Report]", report["providers"])
    found = [
        Alarm(MINT_DOWN, url, {"problem": state}) for url, state in mints.items() if state != "ok"
    ]
    found += [
        Alarm(PROVIDER_DOWN, name, {"problem": seen["last_failure"]})
        for name, seen in providers.items()
        if not seen["reachable"] or seen["state"] != "closed"
    ]
    if report["price"] != "ok":
        found.append(Alarm(PRICE_STALE, "", {"problem": report["price"]}))
    deposits = str(report["deposits"])
    if deposits.startswith(_CLOSED) and deposits not in {OPEN, STATE}:
        found.append(Alarm(BOOKS_BROKEN, "", {"reason": deposits.removeprefix(_CLOSED)}))
    failing = cast("Sequence[str]", report["failing_tasks"])
    return found + [Alarm(TASK_FAILING, name) for name in failing]


def _open_since(connection: Connection, before: int) -> tuple[int, int]:
    """How many movements are open since before a moment, and since when the oldest is."""
    row = connection.execute(
        select(func.count(), func.coalesce(func.min(col(SagaRow.created_at)), 0)).where(
            col(SagaRow.state) == int(SagaState.OPEN), col(SagaRow.created_at) < before
        )
    ).one()
    return int(row[0]), int(row[1])


def _full_disks(folders: Sequence[Path]) -> list[Alarm]:
    found = []
    for folder in dict.fromkeys(folders):
        try:
            free = shutil.disk_usage(folder).free
        except OSError:
            continue  # it is not there yet
        if free < DISK_FREE_MIN:
            found.append(Alarm(DISK_LOW, str(folder), {"free_mib": free // 1024**2}))
    return found
