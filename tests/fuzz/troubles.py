"""What can befall a node: its process dies, its database or its mint lets it down.

A trouble is armed for the n-th commit, or the n-th call to a mint, from then on, and happens once.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeVar

import psycopg

from routstr.core.db import Backend, CommitLost, Dialect, Failure, Tx
from routstr.wallet.keysets import Keyset, KeysetInfo
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintCode, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mint_types import MintInfo, ProofState, Restored
from routstr.wallet.proofs import BlindSignature, PreparedOutput, TokenProof
from tests.fuzz.mint import TalliedMint

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone; nothing of it goes on."""


class Commit(StrEnum):
    """What befalls a commit."""

    DIES_BEFORE = "dies before a commit"
    DIES_AFTER = "dies after a commit"
    REFUSED = "commit refused, disk full"
    LOST_BEFORE = "commit lost, not made"
    LOST_AFTER = "commit lost, made"
    AWAY_BEFORE = "commit unknown, not made"
    AWAY_AFTER = "commit unknown, made"


class Call(StrEnum):
    """What befalls a call to a mint."""

    DIES_BEFORE = "dies before a call"
    DIES_AFTER = "dies after a call"
    DOWN = "mint down"
    RESTS = "mint rests"
    BUSY_BEFORE = "mint 429"
    BUSY_AFTER = "mint 429, handled"
    LOST_BEFORE = "answer lost, not handled"
    LOST_AFTER = "answer lost, handled"
    BROKEN_BEFORE = "mint 500"
    BROKEN_AFTER = "mint 500, handled"
    REFUSED = "mint refuses"
    ECHO = "mint refuses, handled"
    GARBLED = "wrong signatures"


SLOW_S: Final = 1.0
DEADLY: Final[tuple[Commit | Call, ...]] = (
    *(Commit.DIES_BEFORE, Commit.DIES_AFTER),
    *(Call.DIES_BEFORE, Call.DIES_AFTER),
)
COMMITS: Final = {
    Dialect.SQLITE: (Commit.REFUSED,),
    Dialect.POSTGRESQL: (
        *(Commit.REFUSED, Commit.LOST_BEFORE, Commit.LOST_AFTER) * 3,
        *(Commit.AWAY_BEFORE, Commit.AWAY_AFTER),  # each takes as long as a node waits
    ),
}
CALLS: Final = tuple(call for call in Call if call not in DEADLY)
_REFUSALS: Final = (
    MintCode.PROOFS_SPENT,
    MintCode.OUTPUTS_SIGNED,
    MintCode.TRANSACTION,
    MintCode.KEYSET_INACTIVE,
    MintCode.PROOFS_INVALID,
    MintCode.PROOFS_PENDING,
)


class Fate:
    """A node's life and what is armed for it. ``met`` counts what has happened."""

    def __init__(self) -> None:
        self.dead = False
        self.slow = False
        """Whether calls to mints take their time, half before and half after they are handled."""
        self.met: Counter[str] = Counter()
        self._commit: tuple[int, Commit] | None = None
        self._call: tuple[int, Call] | None = None
        self._refusals = 0

    @property
    def happened(self) -> int:
        return self.met.total()

    def arm(self, trouble: Commit | Call, *, at: int) -> None:
        """``at``: 1 is the next commit or call."""
        if isinstance(trouble, Commit):
            self._commit = at, trouble
        else:
            self._call = at, trouble

    def disarm(self) -> None:
        self._commit = self._call = None
        self.slow = False

    def die(self) -> NoReturn:
        self.dead = True
        raise Killed

    def at_commit(self) -> Commit | None:
        if self._commit is None:
            return None
        left, trouble = self._commit
        self._commit = (left - 1, trouble) if left > 1 else None
        return self._meet(trouble) if left == 1 else None

    def at_call(self) -> Call | None:
        if self.dead:
            raise Killed
        if self._call is None:
            return None
        left, trouble = self._call
        self._call = (left - 1, trouble) if left > 1 else None
        return self._meet(trouble) if left == 1 else None

    def refusal(self) -> MintRefusal:
        self._refusals += 1
        return MintRefusal(_REFUSALS[self._refusals % len(_REFUSALS)], "refused as told")

    def _meet(self, trouble: Any) -> Any:
        self.met[trouble.value] += 1
        return trouble


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
        return self._inner.classify(error)

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


class Line(Mint):
    """One node's line to a mint that it shares with others."""

    def __init__(self, mint: TalliedMint, fate: Fate) -> None:
        self.url = mint.url
        self._mint = mint
        self._fate = fate

    async def info(self, **_: float | None) -> MintInfo:
        trouble = await self._before()
        return await self._after(trouble, await self._mint.info())

    async def keysets(self, **_: float | None) -> tuple[KeysetInfo, ...]:
        trouble = await self._before()
        return await self._after(trouble, await self._mint.keysets())

    async def keys(self, info: KeysetInfo, **_: float | None) -> Keyset:
        trouble = await self._before()
        return await self._after(trouble, await self._mint.keys(info))

    async def check_state(self, ys: Sequence[bytes], **_: float | None) -> list[ProofState]:
        trouble = await self._before()
        return await self._after(trouble, await self._mint.check_state(ys))

    async def restore(self, outputs: Sequence[PreparedOutput], **_: float | None) -> list[Restored]:
        trouble = await self._before()
        return await self._after(trouble, await self._mint.restore(outputs))

    async def swap(
        self, inputs: Sequence[TokenProof], outputs: Sequence[PreparedOutput], **_: float | None
    ) -> tuple[BlindSignature, ...]:
        trouble = await self._before()
        signatures = await self._after(trouble, await self._mint.swap(inputs, outputs))
        return _garbled(signatures) if trouble is Call.GARBLED else signatures

    async def _before(self) -> Call | None:
        await self._take_time()
        trouble = self._fate.at_call()
        if trouble is Call.DIES_BEFORE:
            self._fate.die()
        if (make := _BEFORE.get(trouble)) is not None:
            raise make()
        if trouble is Call.REFUSED:
            raise self._fate.refusal()
        return trouble

    async def _after(self, trouble: Call | None, answer: T) -> T:
        await self._take_time()
        if trouble is Call.DIES_AFTER or self._fate.dead:
            self._fate.die()
        if (make := _AFTER.get(trouble)) is not None:
            raise make()
        if trouble is Call.ECHO:
            raise self._fate.refusal()
        return answer

    async def _take_time(self) -> None:
        if self._fate.slow:
            await asyncio.sleep(SLOW_S / 2)


_BEFORE: Final[dict[Call | None, Callable[[], Exception]]] = {
    Call.DOWN: lambda: MintDown("down as told"),
    Call.RESTS: lambda: MintBusy(1),
    Call.BUSY_BEFORE: lambda: MintBusy(1, sent=True),
    Call.LOST_BEFORE: lambda: MintUnclear("lost as told"),
    Call.BROKEN_BEFORE: lambda: MintUnclear("HTTP status 500"),
}
_AFTER: Final[dict[Call | None, Callable[[], Exception]]] = {
    Call.BUSY_AFTER: lambda: MintBusy(1, sent=True),
    Call.LOST_AFTER: lambda: MintUnclear("lost as told"),
    Call.BROKEN_AFTER: lambda: MintUnclear("HTTP status 500"),
}


def _garbled(signatures: Sequence[BlindSignature]) -> tuple[BlindSignature, ...]:
    """The last one is of twice the amount, and cut."""
    *good, last = signatures
    return (*good, replace(last, amount=last.amount * 2, signed=b"\x02" + bytes(32)))
