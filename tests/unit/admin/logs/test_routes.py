from pathlib import Path

import pytest

from routstr.admin.logs.desk import LogDesk
from tests.unit.admin.keys.bureau import open_bureau
from tests.unit.admin.logs.test_desk import access, write


async def test_the_log_is_searched_by_the_contracts_filters(tmp_path: Path) -> None:
    async with open_bureau(tmp_path, own=4) as at:
        at.app.state.admin_logs = LogDesk(at.world.world.db, tmp_path)
        write(
            tmp_path,
            at.world.world.clock.now_ms(),
            access(method="POST", endpoint="/v1/x"),
            access(request_id="s", status=402, method="GET"),
        )
        for query, found in (
            ("", ["s", "r"]),
            ("?request_id=r", ["r"]),
            ("?status_codes=402,500", ["s"]),
            ("?methods=post&endpoints=/v1/x,/v1/y", ["r"]),
            ("?search=nothing", []),
        ):
            told = await at.told("GET", f"/logs{query}")
            assert ([one["request_id"] for one in told["logs"]], told["total"]) == (
                found, len(found),
            )  # fmt: skip
        assert len((await at.told("GET", "/logs/dates"))["dates"]) == 1
        assert (await at.told("GET", "/logs/r"))["holds"][0]["model"] == "m"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/logs?status_codes=x", "invalid_parameter"),
        ("/logs?level=x", "invalid_parameter"),
        ("/logs?limit=9999", "invalid_parameter"),
        ("/logs/nobody", "not_found"),
    ],
)
async def test_what_there_is_not_is_told(tmp_path: Path, path: str, code: str) -> None:
    async with open_bureau(tmp_path) as at:
        at.app.state.admin_logs = LogDesk(at.world.world.db, tmp_path)
        assert await at.code("GET", path) == code
