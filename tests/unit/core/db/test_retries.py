import pytest
from sqlalchemy.exc import DBAPIError

from routstr.core.db import CommitLost, Database, Failure
from routstr.core.db.retries import Retries, Retry
from routstr.errors import DatabaseUnavailable, NodeError, OutcomeUnknown
from tests.unit.core.db.fake_backend import Broken, FakeBackend
from tests.unit.core.db.test_writer import insert


class Refused(Exception):
    """What a driver of PostgreSQL raises."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def nothing(_why: Retry) -> None:
    pass


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("40P01", Retry.DEADLOCK),
        ("40001", Retry.SERIALIZATION),
        ("26000", Retry.STATEMENT),
    ],
)
def test_the_server_says_why(state: str, why: Retry) -> None:
    told: list[Retry] = []
    bare, wrapped = Refused(state), DBAPIError("SELECT 1", None, Refused(state))
    for error in (bare, wrapped):
        Retries(told.append).tell(error, Failure.RETRY)
    assert told == [why, why]


def test_what_cannot_begin_again_is_not_counted() -> None:
    told: list[Retry] = []
    for failure in (None, Failure.FATAL):
        Retries(told.append).tell(Refused("53100"), failure)
    assert told == []


def test_pauses_grow_and_are_not_the_same_for_all() -> None:
    pauses: list[list[float]] = []
    for _ in range(20):
        pauses.append([])
        retries = Retries(nothing, pauses[-1].append)
        for _ in range(9):
            retries.pause()
    for number, bound in enumerate([0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5, 0.5]):
        those = {one[number] for one in pauses}
        assert len(those) > 10
        assert all(bound / 2 <= pause <= bound for pause in those)


@pytest.mark.parametrize(
    ("call", "error", "made", "why"),
    [
        ("begin full", Broken(Failure.GONE), True, Retry.CONNECTION),
        ("append", Broken(Failure.RETRY), True, Retry.STATEMENT),
        ("commit", CommitLost(), True, Retry.COMMIT_MADE),
        ("commit", CommitLost(), False, Retry.COMMIT_NOT_MADE),
    ],
)
async def test_the_writer_tells_of_each(
    backend: FakeBackend, call: str, error: BaseException, why: Retry, *, made: bool
) -> None:
    told: list[Retry] = []
    db = Database("sqlite:///unused", backend, retried=told.append)
    db.start()
    backend.lost_commits_count = made
    backend.fail(call, error)
    assert await db.write(insert(1)) == 1
    assert told == [why]
    assert backend.rows == [1]
    await db.stop()


@pytest.mark.parametrize("refusal", [DatabaseUnavailable, OutcomeUnknown])
def test_whoever_is_refused_is_told_when_to_come_back(refusal: type[NodeError]) -> None:
    assert refusal().headers == {"Retry-After": "2"}
    assert refusal(headers={"Retry-After": "5"}).headers == {"Retry-After": "5"}
