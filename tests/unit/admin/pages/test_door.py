from pathlib import Path

import pytest

from routstr.admin.pages.door import COOKIE
from routstr.admin.sessions import PAGE_IDLE_SECONDS, PAGE_SECONDS_MAX
from tests.unit.admin.front_door import front_door

SECURITY = "/admin/security"


async def test_the_cookie_is_for_this_site_alone_and_for_no_script(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        answer = await at.sign_in()
        assert (answer.status, answer.header("location")) == (303, "/admin")
        (cookie,) = answer.all("set-cookie")
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert flags == {
            "httponly", "samesite=strict", "path=/admin", f"max-age={PAGE_SECONDS_MAX}"
        } | {flag for flag in flags if flag.startswith("expires=")}  # fmt: skip


async def test_behind_tls_the_cookie_is_never_sent_in_clear(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        app = at.app

        async def secure(scope, receive, send):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            await app({**scope, "scheme": "https"}, receive, send)

        at.app = secure  # type: ignore[assignment]
        (cookie,) = (await at.sign_in()).all("set-cookie")
        assert "; secure" in cookie.lower()


async def test_a_form_without_the_session_s_mark_changes_nothing(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await at.sign_in()
        for mark in ("", "0" * 64, at.sessions.mark("another")):
            answer = await at.post(f"{SECURITY}/tokens", mark, name="x", **{"scope-read": "on"})
            assert answer.status == 403
            assert b"foreign_form" in answer.body
        answer = await at.get(SECURITY)
        assert b"No tokens yet" in answer.body


async def test_a_session_that_is_not_used_ends(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await at.sign_in()
        at.clock.advance(seconds=PAGE_IDLE_SECONDS - 1)
        assert (await at.get(SECURITY)).status == 200
        at.clock.advance(seconds=PAGE_IDLE_SECONDS)
        assert (await at.get(SECURITY)).header("location") == "/admin/login"


@pytest.mark.parametrize(
    "path", [SECURITY, "/admin/setup", "/admin/setup/mints", "/admin/setup/pay"]
)
async def test_nobody_else_sees_anything(path: str, tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        for cookie in ("", "guess"):
            at.cookies[COOKIE] = cookie
            answer = await at.get(path)
            assert (answer.status, answer.header("location")) == (303, "/admin/login")
            part = await at.get(path, {"HX-Request": "true"})
            assert (part.status, part.header("hx-redirect")) == (401, "/admin/login")
            assert (await at.post(path)).status in {303, 405}


async def test_a_token_of_a_program_is_no_cookie(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        _, text = await at.app.state.admin.access.create_token("script")
        at.cookies[COOKIE] = text
        assert (await at.get(SECURITY)).header("location") == "/admin/login"
