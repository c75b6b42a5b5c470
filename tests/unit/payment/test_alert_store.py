from functools import partial
from pathlib import Path

from routstr.payment import alert_store
from routstr.payment.alert_store import SEND_PAUSE_MS, Alarm
from tests.unit.upstream.storing import database


async def test_one_of_two_who_want_to_send_may(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        await db.write(partial(alert_store.note, alarms=[Alarm("a", "x" * 600)], at=10))
        (due,) = await db.read(partial(alert_store.due, at=10))
        assert len(due.subject) == 512
        claims = [await db.write(partial(alert_store.claim, alert=due, at=11)) for _ in range(2)]
        assert claims == [True, False]
        assert await db.read(partial(alert_store.due, at=11 + SEND_PAUSE_MS)) == []
        await db.write(partial(alert_store.end, name="a", subject=None, at=12))
        (over,) = await db.read(partial(alert_store.due, at=12))
        claims = [await db.write(partial(alert_store.claim, alert=over, at=13)) for _ in range(2)]
        assert claims == [True, False]
        await db.write(partial(alert_store.give_up, alert=over))
        assert await db.read(partial(alert_store.due, at=13)) == [over]
