"""What can befall a node: its process dies, its database or its mint lets it down.

A trouble is armed for the n-th commit, call to a mint or read of the database, from then on, and
happens once.
"""

from collections import Counter
from enum import StrEnum
from typing import Any, Final, NoReturn

from routstr.core.db import Dialect
from routstr.wallet.mint_errors import MintCode, MintRefusal


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


class Read(StrEnum):
    """What befalls a read of the database."""

    FAILS = "read fails"


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
CALLS: Final = (
    *(call for call in Call if call not in DEADLY),
    *(Call.DOWN, Call.RESTS, Call.REFUSED),  # once more: what was intended is undone
)
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
        self._only: str | None = None
        self._read: int | None = None
        self._refusals = 0

    @property
    def happened(self) -> int:
        return self.met.total()

    def arm(self, trouble: Commit | Call | Read, *, at: int, only: str | None = None) -> None:
        """``at``: 1 is the next commit, call or read. ``only``: of calls, those of this name."""
        if isinstance(trouble, Commit):
            self._commit = at, trouble
        elif isinstance(trouble, Call):
            self._call, self._only = (at, trouble), only
        else:
            self._read = at

    def disarm(self) -> None:
        self._commit = self._call = self._read = None
        self.slow = False

    def let_read(self) -> None:
        """A read that did not come to fail will not."""
        self._read = None

    def die(self) -> NoReturn:
        self.dead = True
        raise Killed

    def at_commit(self) -> Commit | None:
        if self._commit is None:
            return None
        left, trouble = self._commit
        self._commit = (left - 1, trouble) if left > 1 else None
        return self._meet(trouble) if left == 1 else None

    def at_call(self, name: str) -> Call | None:
        if self.dead:
            raise Killed
        if self._call is None or self._only not in (None, name):
            return None
        left, trouble = self._call
        self._call = (left - 1, trouble) if left > 1 else None
        return self._meet(trouble) if left == 1 else None

    def at_read(self) -> bool:
        """Whether this read fails."""
        if self.dead:
            raise Killed
        if self._read is None:
            return False
        self._read -= 1
        if self._read:
            return False
        self._read = None
        self._meet(Read.FAILS)
        return True

    def refusal(self) -> MintRefusal:
        self._refusals += 1
        return MintRefusal(_REFUSALS[self._refusals % len(_REFUSALS)], "refused as told")

    def _meet(self, trouble: Any) -> Any:
        self.met[trouble.value] += 1
        return trouble
