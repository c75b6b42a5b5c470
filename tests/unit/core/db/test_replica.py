import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

import routstr
from routstr.core.db import Database
from routstr.core.db.replica import LAG_SECONDS_MAX, REST_SECONDS, Replica
from tests.unit.core.db.fake_backend import FakeBackend

SHOWN = {"admin/logs/desk.py", "admin/overview/statistics.py"}


def test_only_what_is_shown_to_the_operator_is_read_there() -> None:
    """No hold, no settlement, no deposit, no balance: nothing below the operator's pages."""
    package = Path(routstr.__file__).parent
    found = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if re.search(r"\.read_statistics\(|\.replica\.read\(", file.read_text())
    }
    assert found == {"core/db/database.py", *SHOWN}


class Copy:
    """A module that speaks with a copy which is ``lag`` seconds behind, or away (None)."""

    def __init__(self) -> None:
        self.lag: float | None = 0.0
        self.asked = 0

    def engine(self, _url: str, **_options: object) -> Any:
        return SimpleNamespace(connect=self._connect, dispose=lambda: None)

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        self.asked += 1
        lag = self.lag
        if lag is None:
            raise OperationalError("connect", None, Exception("away"))
        answer = SimpleNamespace(scalar_one=lambda: lag)
        yield SimpleNamespace(exec_driver_sql=lambda _: None, execute=lambda _: answer)


async def from_the_database() -> str:
    return "database"


def from_the_copy(_connection: Connection) -> str:
    return "copy"


def replica(copy: Any, monotonic: Callable[[], float]) -> Replica:
    return Replica("postgresql://copy", copy, monotonic=monotonic)


@pytest.mark.parametrize(
    ("lag", "problem"),
    [(LAG_SECONDS_MAX + 1, "31 seconds behind"), (None, "failing: OperationalError")],
)
async def test_a_copy_that_is_of_no_use_is_left_alone_for_a_while(
    lag: float | None, problem: str
) -> None:
    copy, now = Copy(), [100.0]
    reader = replica(copy, lambda: now[0])
    assert await reader.read(from_the_copy, from_the_database) == "copy"
    copy.lag = lag
    assert await reader.read(from_the_copy, from_the_database) == "database"
    assert reader.problem == problem
    copy.lag = LAG_SECONDS_MAX
    now[0] += REST_SECONDS - 1
    assert await reader.read(from_the_copy, from_the_database) == "database"
    assert copy.asked == 2
    now[0] += 1
    assert await reader.read(from_the_copy, from_the_database) == "copy"
    assert not reader.problem
    reader.close()


async def test_what_is_wrong_with_the_question_is_told(backend: FakeBackend) -> None:
    def wrong(_connection: Connection) -> str:
        raise KeyError("name")

    reader = replica(Copy(), lambda: 0.0)
    with pytest.raises(KeyError):
        await reader.read(wrong, from_the_database)
    assert not reader.problem
    reader.close()
    assert Database("sqlite:///unused", backend).replica is None
