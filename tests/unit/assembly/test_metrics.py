import asyncio
from typing import Any, cast

import pytest

from routstr.admin.scopes import Scope
from routstr.admin.sessions import Sessions
from routstr.assembly.metrics import build_door, start_metrics
from routstr.assembly.process import Process, error_codes
from routstr.core.clock import ManualClock, SystemClock
from routstr.core.metrics.telemetry import Telemetry
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.errors import AdminError, AdminNotConfigured


class Operators:
    """Sessions of which one token may read."""

    def __init__(self) -> None:
        self.password = True

    async def require(self, authorization: str | None, scope: Scope) -> None:
        assert scope is Scope.READ
        if not self.password:
            raise AdminNotConfigured
        if authorization != "Bearer sk-admin-reads":
            raise AdminError


@pytest.mark.parametrize("password", [True, False])
async def test_whoever_is_not_let_in_is_told_what_to_bring(password: bool) -> None:
    operators = Operators()
    operators.password = password
    door = build_door(
        Settings(metrics_token="12345678", metrics_networks="10.0.0.0/8"),
        cast("Sessions", operators),
    )
    with pytest.raises(AdminError, match="METRICS_TOKEN"):
        await door.admit("127.0.0.1", None)
    await door.admit("127.0.0.1", "Bearer 12345678")
    await door.admit("10.0.0.9", None)
    if password:
        await door.admit("127.0.0.1", "Bearer sk-admin-reads")


def test_every_error_of_the_program_is_told_apart() -> None:
    codes = set(error_codes())
    assert {"internal_error", "insufficient_balance", "upstream_timeout"} <= codes


async def test_what_is_counted_is_kept_and_the_loop_is_looked_at() -> None:
    class Parts:
        clock, telemetry, flushes = SystemClock(), Telemetry(frozenset()), asyncio.Queue[int]()

        @property
        def metrics(self) -> "Parts":
            return self

        async def flush(self) -> None:
            self.flushes.put_nowait(1)

    supervisor, parts = Supervisor(ManualClock()), Parts()
    start_metrics(cast("Process", cast("Any", parts)), supervisor)
    await parts.flushes.get()
    assert {report.name for report in supervisor.reports()} == {"metrics", "event_loop_lag"}
    assert await supervisor.stop(1)
