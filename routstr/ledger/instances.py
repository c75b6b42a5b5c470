"""Which processes run on this database, by the database's own clock.

A hold and a saga name the instance that works on them. An instance that stopped, or has not been
seen for a while, works on nothing. One that crashed on this very machine is recognised at once by
its process, so that a restart need not wait.
"""

import os
import socket
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, select, text, update
from sqlmodel import col

from routstr.core.db import Tx, migrate
from routstr.ledger.models import Hold, Instance

_NOW: Final = {
    "sqlite": "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
}
SHARDS: Final = 16
"""Most revenue accounts: those of instances that write at the same time."""
_SILENT_MS: Final = 600_000
"""An instance that was silent for longer does not come back."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE: Final = Path("/proc/self/ns/pid")
_START_FIELD: Final = 19  # of /proc/<pid>/stat behind the command's name: start time
_ENDED: Final = frozenset("ZX")  # states of a process whose parent has not asked after it yet


def database_now_ms(connection: Connection) -> int:
    """Read the database's clock."""
    return int(connection.execute(text(_NOW[connection.dialect.name])).scalar_one())


def register(tx: Tx) -> int:
    """Enter this process and return its instance id; note dead ones of this machine as stopped."""
    now = database_now_ms(tx.sql)
    if dead := crashed_here(tx.sql):
        tx.sql.execute(update(Instance).where(col(Instance.id).in_(dead)).values(stopped_at=now))
    result = tx.sql.execute(
        insert(Instance)
        .values(
            name=_name(os.getpid()),
            started_at=now,
            seen_at=now,
            shard=_free_shard(tx.sql, now),
            revision=migrate.REVISION,
        )
        .returning(col(Instance.id))
    )
    return int(result.scalar_one() or 0)


def shard_of(connection: Connection, instance: int) -> int:
    """Which of the revenue accounts an instance credits."""
    query = select(col(Instance.shard)).where(col(Instance.id) == instance)
    return int(connection.execute(query).scalar_one() or 0)


def _free_shard(connection: Connection, now: int) -> int:
    """The lowest that no running instance has; the first while an older version runs beside.

    That one adds up the first account only. Two instances may have the same one: they wait for
    each other then, and nothing is wrong. SQLite has one writer at a time.
    """
    if connection.dialect.name != "postgresql":
        return 0
    rows = connection.execute(
        select(col(Instance.shard)).where(
            col(Instance.stopped_at).is_(None), col(Instance.seen_at) > now - _SILENT_MS
        )
    )
    taken = {row[0] for row in rows}
    if None in taken:
        return 0
    return next((shard for shard in range(SHARDS) if shard not in taken), 0)


def beat(tx: Tx, instance: int) -> None:
    """Say that this instance lives."""
    tx.sql.execute(
        update(Instance)
        .where(col(Instance.id) == instance)
        .values(seen_at=database_now_ms(tx.sql), stopped_at=None)
    )


def stop(tx: Tx, instance: int) -> None:
    """Say that this instance ended in good order."""
    tx.sql.execute(
        update(Instance)
        .where(col(Instance.id) == instance)
        .values(stopped_at=database_now_ms(tx.sql))
    )


def alive(connection: Connection, stale_seconds: float) -> frozenset[int]:
    """Return the instances that were seen within ``stale_seconds`` and have not stopped.

    One seen in the future was seen before the database's clock was set back; whoever lives is seen
    again soon.
    """
    now, stale = database_now_ms(connection), round(stale_seconds * 1000)
    rows = connection.execute(
        select(col(Instance.id)).where(
            col(Instance.stopped_at).is_(None),
            col(Instance.seen_at).between(now - stale, now + stale),
        )
    )
    return frozenset(int(row[0] or 0) for row in rows)


def older_than(connection: Connection, revision: str) -> frozenset[int]:
    """Return the running instances whose program was written for an older schema than this."""
    running = alive(connection, _SILENT_MS / 1000) - crashed_here(connection)
    rows = connection.execute(
        select(col(Instance.id), col(Instance.revision)).where(col(Instance.id).in_(running))
    )
    return frozenset(int(row[0] or 0) for row in rows if (row[1] or "") < revision)


def crashed_here(connection: Connection) -> frozenset[int]:
    """Return the instances that never said that they stopped and whose process is gone here."""
    rows = connection.execute(
        select(col(Instance.id), col(Instance.name)).where(col(Instance.stopped_at).is_(None))
    )
    return frozenset(int(row[0] or 0) for row in rows if _is_dead(row[1]))


def open_holds(connection: Connection) -> list[tuple[int, int, int]]:
    """List open holds as (id, instance, placed at)."""
    rows = connection.execute(
        select(col(Hold.id), col(Hold.owner), col(Hold.created_at)).where(col(Hold.state) == 0)
    )
    return [(int(row[0] or 0), row[1], row[2]) for row in rows]


def _name(pid: int) -> str:
    return f"{socket.gethostname()}/{_realm()}/{pid}/{_started(pid)}"


def _is_dead(name: str) -> bool:
    """Whether a process of this machine's present boot is gone; false when that is not certain."""
    host, realm, pid, started = name.split("/")
    if host != socket.gethostname() or realm != _realm() or not realm:
        return False  # another machine, container or boot: only silence tells
    found = _started(int(pid))
    return not _exists(int(pid)) if found is None else found != started


def _realm() -> str:
    """Name what process ids mean something in: this boot and this pid namespace."""
    try:
        return f"{_BOOT_ID.read_text().strip()}:{_PID_NAMESPACE.readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When a process started; empty for one that has ended and still has a row, None unseen."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in _ENDED else fields[_START_FIELD]


def _exists(pid: int) -> bool:
    """Whether there is such a process, also where ``/proc`` hides those of other users."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
