"""A database that lets its node down."""

import sqlite3
from contextlib import suppress
from typing import Any

import psycopg

from routstr.core.db import Backend, CommitLost, Dialect, Failure, Tx
from tests.fuzz.fate import DEADLY, Commit, Fate, Killed


class TroubledBackend:
    """A database's backend in the hands of a node's fate. No commit waits for a disk."""

    def __init__(self, inner: Backend, fate: Fate) -> None:
        self.dialect: Dialect = inner.dialect
        self.shares_transactions = inner.shares_transactions
        self._inner = inner
        self._fate = fate
        self._away = False

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
        self._live()
        trouble = self._fate.at_commit()
        if trouble is Commit.REFUSED:
            raise self._full()
        if trouble in {None, Commit.DIES_AFTER, Commit.LOST_AFTER, Commit.AWAY_AFTER}:
            self._inner.commit()
        if trouble is None:
            return
        if trouble in DEADLY:
            self._inner.rollback()
            self._fate.die()
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
            self._fate.met["transaction repeated"] += 1
        return verdict

    def was_committed(self) -> bool:
        return self._inner.was_committed()

    def answers_again(self) -> None:
        """The database can be reached from now on."""
        self._away = False

    def _live(self) -> None:
        if self._fate.dead:
            with suppress(psycopg.Error, sqlite3.Error):  # the process is gone either way
                self._inner.rollback()
            raise Killed

    def _full(self) -> Exception:
        if self.dialect is Dialect.POSTGRESQL:
            return psycopg.errors.DiskFull("full as told")
        error = sqlite3.OperationalError("full as told")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        return error
