"""How much a paid request makes the program do, counted, not timed: the same on any machine.

Counted are calls of the project's own functions (each time that a coroutine goes on is one), calls
that they make of others, and the statements that SQLite carries out. A change that goes beyond a
bound adds work to every request of every node: find out which, and only then move the bound.
"""

import asyncio
import shutil
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final, cast

import pytest
from sqlalchemy import text

import routstr
from devkit.upstream import Play, Reply, Shape, chat
from routstr.core.clock import SystemClock
from routstr.core.db import Database, Tx, migrate
from routstr.core.db.sqlite import SqliteBackend
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind
from routstr.ledger.service import Ledger
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import Books, KeyPayer, Node, running

CALLS_MAX: Final = 653
"""Of the event loop, for one JSON request, from the server's call to the access line, with a hold
and its settlement, each in a transaction of its own; reading HTTP from the provider included."""
WRITER_CALLS_MAX: Final = 0
"""Of the writer's thread, which a request at a time does not need to wake."""
STATEMENTS_MAX: Final = 14
"""For both, with BEGIN, COMMIT and what chooses how durable they are."""
EVENT_CALLS_MAX: Final = 33
"""Of the event loop, for one more event of a stream, of which half read HTTP."""
STREAMED_STATEMENTS_MAX: Final = STATEMENTS_MAX
_REQUESTS: Final = 3
_OWN: Final = str(Path(routstr.__file__).parent)


class Effort:
    """Counts what the project's code does in this thread and in those that begin meanwhile."""

    def __init__(self) -> None:
        self.calls: Counter[int] = Counter()
        self.chunks = 0
        self.statements: list[str] = []

    def note(self, frame: FrameType, event: str, _argument: object) -> None:
        if event not in {"call", "c_call"} or not frame.f_code.co_filename.startswith(_OWN):
            return
        self.calls[threading.get_ident()] += 1
        if event == "call" and frame.f_code.co_name == "feed":
            self.chunks += 1

    @property
    def own(self) -> int:
        return self.calls[threading.get_ident()]

    @property
    def writers(self) -> int:
        return self.calls.total() - self.own


class WatchedBackend(SqliteBackend):
    """SQLite, telling each statement that it carries out."""

    def __init__(self, url: str, told: Callable[[str], None], *, near: bool = False) -> None:
        super().__init__(url, near=near)
        self._told = told

    def near(self) -> "WatchedBackend":
        return WatchedBackend(self._url, self._told, near=True)

    def open(self) -> Tx:
        tx = super().open()
        tx.raw.set_trace_callback(self._told)
        return tx


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("effort") / "routstr.db"
    migrate.upgrade(f"sqlite:///{file}")
    return file


@asynccontextmanager
async def open_shop(migrated: Path, folder: Path, effort: Effort) -> AsyncIterator[Node]:
    """The hot routes over a real ledger, with a payer who has money."""
    url = f"sqlite:///{shutil.copyfile(migrated, folder / 'routstr.db')}"
    threading.setprofile(effort.note)
    try:
        db = Database(url, WatchedBackend(url, effort.statements.append), disk_seconds=60)
        db.start()
    finally:
        threading.setprofile(None)
    clock = SystemClock()
    ledger = Ledger(db, clock, 1, await Ledger.open_books(db, clock))
    account = await db.write(lambda tx: open_account(tx, AccountKind.KEY, clock.now_ms()))
    await db.write(lambda tx: tx.sql.execute(text("UPDATE accounts SET posted = 1000000000")))
    try:
        async with running(books=cast("Books", ledger)) as node:
            node.keys.key = KeyPayer(account)
            yield node
    finally:
        await db.stop()


async def least(
    effort: Effort, ask: Callable[[], Awaitable[Answer]]
) -> tuple[int, int, list[str], int]:
    """The least that one of several equal requests takes: what it always takes."""
    found = []
    for _ in range(_REQUESTS):
        effort.calls.clear()
        effort.statements.clear()
        effort.chunks = 0
        sys.setprofile(effort.note)
        try:
            answer = await ask()
        finally:
            sys.setprofile(None)
        assert answer.status == 200
        await asyncio.sleep(0.005)  # the writer ends its round
        found.append((effort.own, effort.writers, [*effort.statements], effort.chunks))
    return min(found, key=lambda one: one[0])


async def _stream(node: Node, play: Play) -> Answer:
    node.upstream.next(play)
    return await node.chat(stream=True)


async def test_a_paid_request_does_no_more_than_it_did(migrated: Path, tmp_path: Path) -> None:
    effort = Effort()
    async with open_shop(migrated, tmp_path, effort) as node:
        calls, writers, statements, _ = await least(effort, node.chat)
    assert calls <= CALLS_MAX
    assert writers <= WRITER_CALLS_MAX
    assert len(statements) <= STATEMENTS_MAX, "\n".join(statements)


async def test_a_streamed_event_does_no_more_than_it_did(migrated: Path, tmp_path: Path) -> None:
    effort = Effort()
    taken = []
    async with open_shop(migrated, tmp_path, effort) as node:
        for words in (10, 60):
            play = chat(Reply(words=("word ",) * words), Shape(interval_s=0.0005))
            taken.append(await least(effort, partial(_stream, node, play)))
    (short, _, _, few), (long, _, statements, many) = taken
    assert many > few + 20, "events come one by one"
    assert (long - short) / (many - few) <= EVENT_CALLS_MAX
    assert len(statements) <= STREAMED_STATEMENTS_MAX, "\n".join(statements)
