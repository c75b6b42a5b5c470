from pathlib import Path

from routstr.admin.logs.desk import LogDesk
from tests.unit.admin.keys.bureau import open_bureau
from tests.unit.admin.logs.test_desk import access, write

HERE = "/admin/logs"


async def test_lines_and_the_story_of_a_request_are_shown_and_nothing_in_them_is_markup(
    tmp_path: Path,
) -> None:
    async with open_bureau(tmp_path, own=4) as at:
        ms = at.world.world.clock.now_ms()  # a story's money is what moved at about its time
        at.app.state.admin_logs = LogDesk(at.world.world.db, tmp_path)
        assert "LOG_DIR" in await at.text(HERE)
        evil = {"event": "<script>e", "x": "<img src=x>", "y": ["</td>"], "exception": "<b>t"}
        write(tmp_path, ms, {**evil, "request_id": "r", "level": "<i>"}, access(error="oh_no"))
        for path in (HERE, f"{HERE}/r", f"{HERE}/r?at={ms // 1_000}", f"{HERE}?request_id=r"):
            page = await at.text(path)
            assert "&lt;script&gt;e" in page
            for tag in ("<script>e", "<img", '</td>"', "<b>t", "<i>"):
                assert tag not in page, (path, tag)
        assert f"{HERE}/r?at={ms // 1_000}" in await at.text(HERE)
        story = await at.text(f"{HERE}/r")
        assert ("oh_no" in story, "4 sat" in story) == (True, True)
        assert 'class="empty"' in await at.text(f"{HERE}?search=nothing&level=error")
        wrong = await at.page(f"{HERE}?date=x")
        assert (wrong.status, b'role="alert"' in wrong.body) == (400, True)
        assert (await at.page(f"{HERE}/nobody")).status == 404


async def test_a_search_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        at.app.state.admin_logs = LogDesk(at.world.world.db, tmp_path)
        lines = [{"event": f"line-{number}-"} for number in range(130)]
        write(tmp_path, at.world.world.clock.now_ms(), *lines)
        page = await at.text(f"{HERE}?search=line")
        assert ("line-129-" in page, "line-29-" in page) == (True, False)
        older = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        page = await at.text(older)
        assert ("line-129-" in page, "line-29-" in page) == (False, True)
        assert f'href="{HERE}?search=line"' in page
