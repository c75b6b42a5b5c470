from pathlib import Path

from routstr.admin.pages.door import COOKIE
from routstr.admin.throttle import FREE
from tests.unit.admin.front_door import front_door

SECURITY = "/admin/security"


async def test_signing_out_ends_the_session_and_the_cookie(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await at.sign_in()
        token = at.cookies[COOKIE]
        answer = await at.post("/admin/logout")
        assert (answer.status, answer.header("location")) == (303, "/admin/login")
        assert COOKIE not in at.cookies
        at.cookies[COOKIE] = token
        assert (await at.get(SECURITY)).header("location") == "/admin/login"


async def test_who_guesses_waits_longer_and_longer(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        for _ in range(FREE):
            assert (await at.sign_in("guess horse")).status == 401
        waits = []
        for _ in range(3):
            answer = await at.sign_in()
            assert answer.status == 429
            words = answer.body.decode().partition("wait ")[2]
            waits.append(int(words.split()[0]))
            at.clock.advance(seconds=waits[-1])
            assert (await at.sign_in("guess horse")).status == 401
        assert waits == sorted(waits)
        assert waits[-1] >= 4 * waits[0] - 3
        assert COOKIE not in at.cookies


async def test_without_a_password_everything_leads_to_the_first_run(tmp_path: Path) -> None:
    async with front_door(tmp_path, given="") as at:
        for path in (SECURITY, "/admin/login", "/admin/setup/mints"):
            assert (await at.get(path)).header("location") == "/admin/setup"
        assert (await at.sign_in()).header("location") == "/admin/setup"
