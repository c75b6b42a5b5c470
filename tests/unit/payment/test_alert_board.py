"""Alerts on a real database: noticed by instances, seen by all, sent once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.errors import DatabaseUnavailable
from routstr.payment.alert_board import RETRY_SECONDS, UNSEEN_MS, AlertBoard
from routstr.payment.alert_store import SEND_PAUSE_MS, Alarm, Alert
from tests.unit.upstream.storing import database

DOWN = Alarm("mint_down", "https://a.example", {"problem": "failing"})


@dataclass
class Post:
    """The operator's mail."""

    works: bool = True
    got: list[tuple[str, str, bool]] = field(default_factory=list)

    async def send(self, alert: Alert) -> bool:
        if self.works:
            self.got.append((alert.name, alert.subject, alert.cleared_at is not None))
        return self.works


@dataclass
class Watch:
    db: Database
    clock: ManualClock = field(default_factory=ManualClock)
    post: Post = field(default_factory=Post)

    def board(self) -> AlertBoard:
        return AlertBoard(self.db, self.clock, {"mint_down"}, self.post)

    async def names(self) -> list[tuple[str, str]]:
        return [(one.name, one.subject) for one in await self.board().active()]


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    async with database(tmp_path) as db:
        yield Watch(db)


async def test_a_condition_lasts_as_long_as_any_instance_sees_it(watch: Watch) -> None:
    one, other = watch.board(), watch.board()
    await one.keep([DOWN])
    since = (await other.active())[0].since
    watch.clock.advance(ms=UNSEEN_MS)
    await other.keep([DOWN])
    watch.clock.advance(ms=UNSEEN_MS)
    await one.keep()
    assert [(a.since, a.facts) for a in await one.active()] == [(since, {"problem": "failing"})]
    watch.clock.advance(ms=1)
    await one.keep()
    assert await one.active() == []
    assert watch.post.got == [("mint_down", DOWN.subject, False), ("mint_down", DOWN.subject, True)]


async def test_one_alert_is_sent_once_an_hour_at_most_by_whichever_instance(watch: Watch) -> None:
    boards = [watch.board(), watch.board()]
    for _ in range(5):
        for board in boards:
            await board.keep([DOWN])
        watch.clock.advance(ms=UNSEEN_MS + 1)
        await boards[0].keep()
    assert [over for _, _, over in watch.post.got] == [False, True], "it comes and goes"
    watch.clock.advance(ms=SEND_PAUSE_MS)
    await boards[1].keep([DOWN])
    assert len(watch.post.got) == 3


async def test_what_cannot_be_sent_is_sent_later(watch: Watch) -> None:
    board, watch.post.works = watch.board(), False
    await board.keep([DOWN])
    watch.post.works = True
    await board.keep([DOWN])
    assert not watch.post.got, "not at once"
    watch.clock.advance(seconds=RETRY_SECONDS)
    await board.keep([DOWN])
    assert len(watch.post.got) == 1


async def test_an_event_lasts_until_it_is_cleared(watch: Watch) -> None:
    board = watch.board()
    board.raised("provider_key_refused", provider="p", key=1, problems=("a", b"b"))
    board.raised("ecash_lost", mint="https://a.example", proofs=3)
    board.raised("ecash_lost", mint="https://b.example", proofs=3)
    await board.keep()
    watch.clock.advance(ms=UNSEEN_MS * 9)
    await board.keep()
    assert len(await watch.names()) == 3
    await board.dismiss("ecash_lost", "https://a.example")
    board.cleared("provider_key_refused", provider="p")
    await board.keep()
    assert await watch.names() == [("ecash_lost", "https://b.example")]
    board.cleared("ecash_lost")
    await board.keep()
    assert await watch.names() == []


class Away:
    """A database that is away at first."""

    def __init__(self, db: Database) -> None:
        self._db, self.away = db, True

    async def write(self, fn: Any) -> Any:
        if self.away:
            raise DatabaseUnavailable
        return await self._db.write(fn)

    async def read(self, fn: Any) -> Any:
        return await self._db.read(fn)


async def test_events_wait_for_the_database(watch: Watch) -> None:
    db = Away(watch.db)
    board = AlertBoard(cast("Database", db), watch.clock, set())
    board.raised("ecash_lost", mint="m")
    with pytest.raises(DatabaseUnavailable):
        await board.keep()
    db.away = False
    await board.keep()
    assert await watch.names() == [("ecash_lost", "m")]
