"""A database that lets its node down."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from routstr.core.db import Backend, CommitLost, Database, Dialect, Failure, Tx
from routstr.core.db.backend import Stepped
from routstr.core.db.jobs import HotBatch
from routstr.core.db.steps import Steps
from tests.fuzz.fate import DEADLY, Commit, Fate, Killed
from tests.fuzz.loop import hasty_loop

T = TypeVar("T")

_MADE = {None, Commit.DIES_AFTER, Commit.LOST_AFTER, Commit.AWAY_AFTER}


class TroubledBackend:
    """A database's backend in the hands of a node's fate. No commit waits for a disk."""

    def __init__(self, inner: Backend, fate: Fate) -> None:
        self.dialect: Dialect = inner.dialect
        self.shares_transactions = inner.shares_transactions
        self._inner = inner
        self.fate = fate
        self._away = False
        self._beside: TroubledStepped | None = None

    def near(self) -> "TroubledBackend | None":
        inner = self._inner.near()
        return None if inner is None else TroubledBackend(inner, self.fate)

    def stepped(self) -> "TroubledStepped | None":
        inner = self._inner.stepped()
        self._beside = None if inner is None else TroubledStepped(inner, self.fate)
        return self._beside

    def open(self) -> Tx:
        self._live()
        if self._away:
            raise psycopg.OperationalError("away as told")
        return self._inner.open()

    def begin(self, *, full: bool) -> None:
        self._live()
        self._away = False
        self._inner.begin(full=False)

    def commit(self) -> None:
        trouble = self._trouble()
        if trouble in _MADE:
            self._inner.commit()
        self._meet(trouble)

    def _trouble(self) -> Commit | None:
        self._live()
        trouble = self.fate.at_commit()
        if trouble is Commit.REFUSED:
            raise self._full()
        return trouble

    def _meet(self, trouble: Commit | None) -> None:
        if trouble is None:
            return
        if trouble in DEADLY:
            self._inner.rollback()
            self.fate.die()
        self._away = trouble in {Commit.AWAY_BEFORE, Commit.AWAY_AFTER}
        raw: Any = self._inner
        raw._raw.close()
        raise CommitLost

    def close(self) -> None:
        self._inner.close()

    def rollback(self) -> None:
        self._inner.rollback()

    def savepoint(self) -> None:
        self._live()
        self._inner.savepoint()

    def release(self) -> None:
        self._inner.release()

    def rollback_to(self) -> None:
        self._inner.rollback_to()

    def classify(self, error: BaseException) -> Failure | None:
        verdict = self._inner.classify(error)
        if verdict is Failure.RETRY:
            self.fate.met["transaction repeated"] += 1
        return verdict

    def was_committed(self) -> bool:
        return self._inner.was_committed()

    def answers_again(self) -> None:
        """The database can be reached from now on."""
        self._away = False
        if self._beside is not None:
            self._beside.answers_again()

    def _live(self) -> None:
        if self.fate.dead:
            with suppress(psycopg.Error, sqlite3.Error):  # the process is gone either way
                self._inner.rollback()
            raise Killed

    def _full(self) -> Exception:
        if self.dialect is Dialect.POSTGRESQL:
            return psycopg.errors.DiskFull("full as told")
        error = sqlite3.OperationalError("full as told")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        return error


class TroubledStepped(TroubledBackend):
    """The same for what the event loop writes."""

    def __init__(self, inner: Stepped, fate: Fate) -> None:
        super().__init__(inner, fate)
        self._stepped = inner

    def committing(self) -> Steps[None]:
        trouble = self._trouble()
        if trouble in _MADE:
            yield from self._stepped.committing()
        self._meet(trouble)

    def abandon(self) -> None:
        self._stepped.abandon()


class TroubledDatabase(Database):
    """A node's database whose reads fail when its fate says so; no time passes while it works."""

    def __init__(self, url: str, backend: TroubledBackend, *, reconnect_seconds: float) -> None:
        super().__init__(url, backend, reconnect_seconds=reconnect_seconds)
        self.fate = backend.fate

    async def read(self, fn: Callable[[Connection], T]) -> T:
        return await super().read(self._fail if self.fate.at_read() else fn)

    async def write(self, fn: Callable[[Tx], T]) -> T:
        with hasty_loop().at_work():
            return await super().write(fn)

    def hot(
        self,
        batch: HotBatch,
        op: object,
        *,
        full: bool,
        orphan: Callable[[Any], None] | None = None,
    ) -> "asyncio.Future[Any]":
        return hasty_loop().watch(super().hot(batch, op, full=full, orphan=orphan))

    def _fail(self, _connection: Connection) -> Any:
        """What a driver says of a file or a server that does not answer."""
        cause: Exception = psycopg.OperationalError("away as told")
        if self.dialect is Dialect.SQLITE:
            cause = error = sqlite3.OperationalError("unreadable as told")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise OperationalError("SELECT", {}, cause)
