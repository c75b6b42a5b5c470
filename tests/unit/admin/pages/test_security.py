import re
from pathlib import Path

from tests.unit.admin.front_door import PASSWORD, front_door

PAGE = "/admin/security"
NEW = "battery staple"


async def test_a_token_is_shown_once_and_revoked(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await at.sign_in()
        fields = {"name": "<i>script</i>", "days": "30", "scope-read": "on", "scope-money": "on"}
        answer = await at.post(f"{PAGE}/tokens", **fields)
        (token,) = re.findall(rb"sk-admin-[\w-]{43}", answer.body)
        assert answer.header("cache-control") == "no-store"
        assert b"<i>script" not in answer.body
        again = (await at.get(PAGE)).body
        assert token not in again
        assert b"&lt;i&gt;script" in again
        assert (await at.post(f"{PAGE}/tokens/1/revoke")).status == 303
        assert (await at.post(f"{PAGE}/tokens/1/revoke")).status == 303
        assert b"No tokens yet" in (await at.get(f"{PAGE}?done=revoked")).body


async def test_a_token_that_may_nothing_is_refused_in_its_place(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await at.sign_in()
        answer = await at.post(f"{PAGE}/tokens", name="script")
        assert answer.status == 400
        assert b"at least one scope" in answer.body


async def test_sessions_and_sign_ins_are_shown_with_what_strangers_say_escaped(
    tmp_path: Path,
) -> None:
    async with front_door(tmp_path) as at:
        await at.sign_in("guess horse")
        await at.sign_in()
        await at.sign_in()
        body = (await at.get(PAGE)).body.decode()
        assert "<b>browser" not in body
        assert body.count("&lt;b&gt;browser") == 5
        assert "wrong password" in body
        assert body.count('/end"') == 1
        await at.post(f"{PAGE}/sessions/1/end")
        await at.post(f"{PAGE}/sessions/1/end")
        assert "/sessions/1/end" not in (await at.get(f"{PAGE}?done=ended")).body.decode()
        await at.post(f"{PAGE}/sessions/end-others")
        assert (await at.get(PAGE)).status == 200


async def test_the_password_is_changed_and_this_session_goes_on(tmp_path: Path) -> None:
    async with front_door(tmp_path, given="") as at:
        link = await at.first_run.open()
        assert link is not None
        code = link.partition("code=")[2]
        await at.post("/admin/setup/password", code=code, password=PASSWORD)
        wrong = await at.post(f"{PAGE}/password", current="guess horse", new=NEW)
        assert (wrong.status, b"Invalid password" in wrong.body) == (400, True)
        short = await at.post(f"{PAGE}/password", current=PASSWORD, new="short")
        assert short.status == 400
        done = await at.post(f"{PAGE}/password", current=PASSWORD, new=NEW)
        assert done.header("location") == f"{PAGE}?done=password"
        assert (await at.get(PAGE)).status == 200
        at.cookies.clear()
        assert (await at.sign_in()).status == 401
        assert (await at.sign_in(NEW)).status == 303


async def test_a_password_of_the_environment_has_no_form(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await at.sign_in()
        body = (await at.get(PAGE)).body
        assert b"ADMIN_PASSWORD" in body
        assert b'name="current"' not in body
