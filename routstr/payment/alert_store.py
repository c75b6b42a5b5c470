"""SQL of the alerts: noticed by any instance, seen by all, sent by one."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Table, and_, case, or_, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.core.db.upsert import insert_into
from routstr.payment.alert_models import AlertRow

SEND_PAUSE_MS: Final = 3_600_000
"""One alert is sent at most this often."""
_SUBJECT_LENGTH: Final = 512


class Alarm(Struct, frozen=True):
    """Something is wrong: ``name`` is stable, ``subject`` says with whom; ``facts`` are figures."""

    name: str
    subject: str = ""
    facts: Mapping[str, Any] = {}


class Alert(Struct, frozen=True):
    """An alarm as it is stored. Times in ms since 1970; ``cleared_at`` None: it lasts."""

    name: str
    subject: str
    facts: Mapping[str, Any]
    since: int
    cleared_at: int | None
    sent_at: int | None


def note(tx: Tx, alarms: Sequence[Alarm], at: int) -> None:
    """Store that these are seen: each begins now, or goes on."""
    if not alarms:
        return
    table: Table = AlertRow.__table__  # type: ignore[attr-defined]  # it has one
    new = insert_into(tx, AlertRow)
    lasts = table.c.cleared_at.is_(None)
    changes = {
        "since": case((lasts, table.c.since), else_=new.excluded.since),
        "seen_at": new.excluded.seen_at,
        "cleared_at": None,
        "facts": new.excluded.facts,
    }
    tx.sql.execute(
        new.on_conflict_do_update(index_elements=["name", "subject"], set_=changes),
        [
            {
                "name": alarm.name,
                "subject": alarm.subject[:_SUBJECT_LENGTH],
                "since": at,
                "seen_at": at,
                "cleared_at": None,
                "sent_at": None,
                "owed": False,
                "facts": msgspec.json.encode(alarm.facts).decode(),
            }
            for alarm in alarms
        ],
    )


def end(tx: Tx, name: str, subject: str | None, at: int) -> None:
    """Store that an alarm is over; ``subject`` None: whatever it was about."""
    query = update(AlertRow).where(col(AlertRow.name) == name, col(AlertRow.cleared_at).is_(None))
    if subject is not None:
        query = query.where(col(AlertRow.subject) == subject)
    tx.sql.execute(query.values(cleared_at=at))


def end_unseen(tx: Tx, names: Collection[str], before: int, at: int) -> None:
    """Store that those of these names are over that nobody has seen since ``before``."""
    tx.sql.execute(
        update(AlertRow)
        .where(
            col(AlertRow.name).in_(sorted(names)),
            col(AlertRow.cleared_at).is_(None),
            col(AlertRow.seen_at) < before,
        )
        .values(cleared_at=at)
    )


def active(connection: Connection) -> list[Alert]:
    """What is wrong, the newest first."""
    query = _select().where(col(AlertRow.cleared_at).is_(None))
    rows = connection.execute(query.order_by(col(AlertRow.since).desc(), col(AlertRow.name)))
    return [_alert(row) for row in rows]


def due(connection: Connection, at: int) -> list[Alert]:
    """What the operator has not been told: new alarms, and the ends of those that were told."""
    sent, cleared = col(AlertRow.sent_at), col(AlertRow.cleared_at)
    unsent = or_(sent.is_(None), and_(sent < col(AlertRow.since), sent <= at - SEND_PAUSE_MS))
    over = and_(cleared.is_not(None), col(AlertRow.owed))
    query = _select().where(or_(and_(cleared.is_(None), unsent), over))
    return [_alert(row) for row in connection.execute(query)]


def claim(tx: Tx, alert: Alert, at: int) -> bool:
    """Take it on to send this alert; false when somebody else did."""
    sent, lasts = col(AlertRow.sent_at), alert.cleared_at is None
    before = sent.is_(None) if alert.sent_at is None else sent == alert.sent_at
    state = col(AlertRow.cleared_at).is_(None) if lasts else col(AlertRow.owed)
    found = tx.sql.execute(
        update(AlertRow)
        .where(
            col(AlertRow.name) == alert.name,
            col(AlertRow.subject) == alert.subject,
            before,
            state,
        )
        .values(**({"sent_at": at, "owed": True} if lasts else {"owed": False}))
    )
    return found.rowcount == 1


def give_up(tx: Tx, alert: Alert) -> None:
    """Undo a claim: it could not be sent."""
    values = {"owed": True} if alert.cleared_at is not None else {"sent_at": alert.sent_at}
    tx.sql.execute(
        update(AlertRow)
        .where(col(AlertRow.name) == alert.name, col(AlertRow.subject) == alert.subject)
        .values(**values)
    )


def _select() -> Any:  # noqa: ANN401 - the columns in the order of Alert
    return select(
        col(AlertRow.name),
        col(AlertRow.subject),
        col(AlertRow.facts),
        col(AlertRow.since),
        col(AlertRow.cleared_at),
        col(AlertRow.sent_at),
    )


def _alert(row: Any) -> Alert:  # noqa: ANN401 - a row of _select
    facts = msgspec.json.decode(row[2], type=dict[str, Any])
    return Alert(row[0], row[1], facts, row[3], row[4], row[5])
