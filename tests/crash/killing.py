"""A database backend that ends its own process before or after a chosen commit.

Commits count from the moment at which the orders appear in the node's folder, so that what came
before the operation under test is left out. Each is named after the tables that it wrote; the
heartbeat of an instance (``instances``), seals, what a verification notes (``verifications`` and
``verified_accounts``) and how far proofs were compared with the mint (``reconciliations``) do not
count where they are written alone, because they come when they like.
"""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

from sqlalchemy import event

from routstr.core.db import Backend, Dialect, Failure, Tx
from routstr.core.db.backend import Stepped
from routstr.core.db.steps import Steps

When = Literal["before", "after"]

_WRITE: Final = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", re.IGNORECASE)
_TIDYING: Final = re.compile(
    r"\s*DELETE FROM (?:admin_sessions|idempotency|invoices|provider_objects)\b", re.IGNORECASE
)
_NOT_COUNTED: Final = frozenset(
    {"instances", "reconciliations", "seals", "verifications", "verified_accounts"}
)


@dataclass(frozen=True, slots=True)
class Orders:
    """Die before or after the ``commit``-th commit; 0: count only."""

    commit: int = 0
    when: When = "before"


class Journal:
    """What harness and node tell each other through files, which a killed process leaves."""

    def __init__(self, folder: Path) -> None:
        self._orders = folder / "crash-orders"
        self._commits = folder / "crash-commits"
        self._given: Orders | None = None
        self._count = 0

    def give(self, orders: Orders) -> None:
        """Begin to count, and die as ordered."""
        self._commits.write_text("")
        draft = self._orders.with_suffix(".draft")
        draft.write_text(json.dumps({"commit": orders.commit, "when": orders.when}))
        draft.rename(self._orders)

    def orders(self) -> Orders | None:
        """The orders, once they are there."""
        try:
            return Orders(**json.loads(self._orders.read_text()))
        except FileNotFoundError:
            return None

    def forget(self) -> None:
        """The next node lives."""
        self._orders.unlink(missing_ok=True)

    def note(self, label: str) -> None:
        """Write a commit down before it happens."""
        with self._commits.open("a") as file:
            file.write(label + "\n")

    def dies(self, written: set[str]) -> When | None:
        """A commit comes that wrote these tables: count it; when to die of it, if at all."""
        if written <= _NOT_COUNTED:
            return None
        self._given = self._given or self.orders()
        if self._given is None:
            return None
        self._count += 1
        self.note("+".join(sorted(written - _NOT_COUNTED)))
        return self._given.when if self._count == self._given.commit else None

    def commits(self) -> list[str]:
        """The names of the counted commits so far, the last one perhaps never made."""
        return self._commits.read_text().splitlines()


class KillingBackend:
    """Passes everything on to the real backend, and counts."""

    def __init__(self, inner: Backend, journal: Journal) -> None:
        self.dialect: Dialect = inner.dialect
        self.shares_transactions = inner.shares_transactions
        self._inner = inner
        self._journal = journal
        self._written: set[str] = set()

    def near(self) -> "KillingBackend | None":
        inner = self._inner.near()
        return None if inner is None else KillingBackend(inner, self._journal)

    def stepped(self) -> "KillingStepped | None":
        inner = self._inner.stepped()
        return None if inner is None else KillingStepped(inner, self._journal)

    def open(self) -> Tx:
        tx = self._inner.open()
        event.listen(tx.sql, "before_cursor_execute", self._hear)
        return Tx(tx.sql, _Heard(tx.raw, self._written), tx.dialect)

    def begin(self, *, full: bool) -> None:
        self._written.clear()
        self._inner.begin(full=full)

    def commit(self) -> None:
        with self._counted():
            self._inner.commit()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        dies = self._journal.dies(self._written)
        if dies == "before":
            die()
        yield
        if dies == "after":
            die()

    def close(self) -> None:
        self._inner.close()

    def rollback(self) -> None:
        self._inner.rollback()

    def savepoint(self) -> None:
        self._inner.savepoint()

    def release(self) -> None:
        self._inner.release()

    def rollback_to(self) -> None:
        self._inner.rollback_to()

    def classify(self, error: BaseException) -> Failure | None:
        return self._inner.classify(error)

    def was_committed(self) -> bool:
        return self._inner.was_committed()

    def _hear(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        note(self._written, statement)


class KillingStepped(KillingBackend):
    """The same for what the event loop writes."""

    def __init__(self, inner: Stepped, journal: Journal) -> None:
        super().__init__(inner, journal)
        self._stepped = inner

    def committing(self) -> Steps[None]:
        with self._counted():
            yield from self._stepped.committing()

    def abandon(self) -> None:
        self._stepped.abandon()


class _Heard:
    """A driver's connection whose statements are heard."""

    def __init__(self, raw: Any, written: set[str]) -> None:
        self._raw = raw
        self._written = written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def execute(self, statement: str, *arguments: object) -> Any:
        note(self._written, statement)
        return self._raw.execute(statement, *arguments)

    def executemany(self, statement: str, *arguments: object) -> Any:
        note(self._written, statement)
        return self._raw.executemany(statement, *arguments)

    @property
    def pipe(self) -> Any:
        return _Heard(self._raw.pipe, self._written)

    def add(self, statement: str, *values: bytes | None) -> None:
        note(self._written, statement)
        self._raw.add(statement, *values)


def note(written: set[str], statement: str) -> None:
    """Remember which table a statement writes.

    What a node tidies away at its start may share a commit with something else, or not.
    """
    if (match := _WRITE.match(statement)) and not _TIDYING.match(statement):
        written.add(match[1].lower())


def die() -> NoReturn:
    """End this process at once, as a power cut would; nothing is flushed, closed or undone."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable: SIGKILL cannot be caught")
