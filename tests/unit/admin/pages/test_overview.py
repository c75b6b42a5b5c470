from pathlib import Path

import msgspec
import pytest

from routstr.admin.pages import overview
from routstr.payment.alert_store import Alarm
from tests.unit.admin.front_door import front_door
from tests.unit.admin.overview.shop import shop


@pytest.fixture
def books(tmp_path: Path) -> Path:
    (folder := tmp_path / "books").mkdir()
    return folder


async def test_the_page_tells_what_is_wrong_first(tmp_path: Path, books: Path) -> None:
    async with front_door(tmp_path) as at, shop(books) as sold:
        at.app.include_router(overview.router)
        at.app.state.overview = sold.desk
        assert (await at.get("/admin")).status == 303
        await at.sign_in()
        await sold.desk.board.keep(
            [Alarm("mint_down", "https://<b>", {"problem": "x"}), Alarm("unheard", "", {})]
        )
        page = (await at.get("/admin")).body.decode()
        assert "https://&lt;b&gt; does not answer" in page
        assert "unheard" in page
        assert "0.630" in page
        await at.post("/admin/alerts/dismiss", name="unheard", subject="")
        await at.post("/admin/maintenance", on="1")
        page = (await at.get("/admin")).body.decode()
        assert "unheard" not in page
        assert "No new deposits are taken" in page
        await at.post("/admin/maintenance", on="0")
        assert await sold.desk.maintenance.since() is None


async def test_charts_are_figures_in_the_visitor_s_language(tmp_path: Path, books: Path) -> None:
    async with front_door(tmp_path) as at, shop(books) as sold:
        at.app.include_router(overview.router)
        at.app.state.overview = sold.desk
        assert (await at.get("/admin/charts/earnings")).status == 303
        await at.sign_in()
        for what in ("earnings", "requests", "models", "providers"):
            told = msgspec.json.decode((await at.get(f"/admin/charts/{what}")).body)
            assert {"times", "series", "unit"} == set(told)
            assert told["series"]


async def test_news_are_sent_when_something_has_changed(tmp_path: Path, books: Path) -> None:
    async with front_door(tmp_path) as at, shop(books) as sold:
        at.app.include_router(overview.router)
        at.app.state.overview = sold.desk
        await at.sign_in()
        sold.desk.pulse._pause_s = 0.001  # type: ignore[misc]

        async def end(turns: int = 3) -> int:
            read, seen = sold.desk.read, 0

            async def look() -> object:
                nonlocal seen
                seen += 1
                if seen == turns:
                    sold.desk.pulse.close()
                return await read()

            sold.desk.pulse._read = look  # type: ignore[misc, assignment]
            return seen

        await end()
        answer = await at.get("/admin/live")
        text = answer.body.decode()
        assert answer.header("content-type") == "text/event-stream; charset=utf-8"
        assert [text.count(f"event: {part}\n") for part in ("alerts", "tiles", "money")] == [1] * 3
        assert "\n:\n\n" in text, "nothing has changed"
        assert (await at.get("/admin/live")).status == 204, "no more news here"
