from pathlib import Path

from routstr.ledger import verify
from routstr.payment.alert_store import Alarm
from tests.unit.admin.overview.shop import shop


async def test_the_first_page_says_what_the_books_say(tmp_path: Path) -> None:
    async with shop(tmp_path) as at:
        await at.desk.board.keep([Alarm("mint_down", "m")])
        await at.desk.maintenance.turn(on=True)
        now = await at.desk.read()
        assert int(now.sums.owed_msat) == await at.db.read(verify.liabilities)
        assert [one.name for one in now.alerts] == ["mint_down"]
        assert (now.at, now.maintenance) == (at.clock.now_ms(), at.clock.now_ms())
        assert now.today.figures.requests == 2
        assert now.places == []
