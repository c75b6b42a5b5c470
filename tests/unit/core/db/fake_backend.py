"""A database in memory that fails when told to: the writer's port without a driver."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import cast

from sqlalchemy import Connection

from routstr.core.db import CommitLost, Dialect, Failure, Tx


class Broken(Exception):
    """What a driver would raise; ``failure`` is what it means."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


class FakeBackend:
    """Rows are appended to ``tx.raw`` and appear in ``rows`` with the commit."""

    dialect = Dialect.SQLITE
    shares_transactions = True

    def __init__(self) -> None:
        self.rows: list[object] = []
        self.journal: list[str] = []
        self.failing: defaultdict[str, deque[BaseException | None]] = defaultdict(deque)
        self.on_commit: Callable[[], object] = lambda: None
        self.lost_commits_count = True  # whether a commit that was lost took effect
        self.threads: set[int] = set()
        self._pending: list[object] = []
        self._mark = 0

    def fail(self, call: str, *errors: BaseException | None) -> None:
        """Let the next calls raise these, in order; None lets one pass."""
        self.failing[call].extend(errors)

    def near(self) -> None:
        return None

    def stepped(self) -> None:
        return None

    def open(self) -> Tx:
        self._call("open")
        self._pending = []
        return Tx(cast("Connection", None), self, self.dialect)

    def append(self, row: object) -> None:
        """The one statement that this database knows."""
        self._pending.append(row)
        self._call("append")

    def close(self) -> None:
        self._call("close")

    def begin(self, *, full: bool) -> None:
        self._call("begin full" if full else "begin")

    def commit(self) -> None:
        self.on_commit()
        try:
            self._call("commit")
        except CommitLost:
            if self.lost_commits_count:
                self.rows += self._pending
            raise
        self.rows += self._pending
        self._pending = []

    def rollback(self) -> None:
        self._call("rollback")
        self._pending = []

    def savepoint(self) -> None:
        self._mark = len(self._pending)

    def release(self) -> None:
        self._call("release")

    def rollback_to(self) -> None:
        self._call("rollback_to")
        del self._pending[self._mark :]

    def classify(self, error: BaseException) -> Failure | None:
        return error.failure if isinstance(error, Broken) else None

    def was_committed(self) -> bool:
        self._call("was_committed")
        return self.lost_commits_count

    def _call(self, name: str) -> None:
        self.threads.add(threading.get_ident())
        self.journal.append(name)
        if (waiting := self.failing[name]) and (error := waiting.popleft()) is not None:
            raise error

    def count(self, name: str) -> int:
        return self.journal.count(name)


class Gate:
    """Holds the writer thread inside of a batch, so that a test knows what the next one takes."""

    def __init__(self) -> None:
        self._entered, self._open = threading.Event(), threading.Event()

    def __call__(self, _tx: Tx) -> None:
        self._entered.set()
        assert self._open.wait(5)

    def wait_entered(self) -> None:
        assert self._entered.wait(5)

    def open(self) -> None:
        self._open.set()
