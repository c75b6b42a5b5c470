from pathlib import Path

from routstr.admin.overview import endpoints
from routstr.payment.alert_store import Alarm
from tests.unit.admin.office import office
from tests.unit.admin.overview.shop import shop


async def test_the_operator_and_nobody_else_gets_all_figures(tmp_path: Path) -> None:
    (books := tmp_path / "books").mkdir()
    async with office(tmp_path) as place, shop(books) as at:
        place.app.include_router(endpoints.router)
        place.app.state.overview = at.desk
        assert (await place.ask("GET", "/usage/summary")).status in {401, 403}
        await place.log_in()
        for name in ("metrics", "summary", "revenue-by-model", "error-details"):
            assert await place.told("GET", f"/usage/{name}")
        everything = await place.told("GET", "/usage/dashboard")
        assert everything["summary"]["revenue_msats"] == 630
        for wrong in ("perhaps", 0, "true", None):
            assert (await place.ask("PATCH", "/maintenance", {"enabled": wrong})).status == 422
        assert (await place.told("PATCH", "/maintenance", {"enabled": True}))["enabled"]
        assert (await place.told("GET", "/maintenance"))["since"]
        await at.desk.board.keep([Alarm("ecash_lost", "m")])
        assert len((await place.told("GET", "/alerts"))["alerts"]) == 1
        await place.told("POST", "/alerts/dismiss", {"name": "ecash_lost", "subject": "m"})
        assert (await place.told("GET", "/alerts"))["alerts"] == []
