from pathlib import Path

import pytest

from tests.unit.admin.office import office

ROUTES = [
    ("GET", "/provider-types"),
    ("GET", "/upstream-providers"),
    ("POST", "/upstream-providers"),
    ("PATCH", "/upstream-providers"),
    ("GET", "/upstream-providers/own"),
    ("PATCH", "/upstream-providers/own"),
    ("DELETE", "/upstream-providers/own"),
]


async def test_the_operator_logs_in_and_out(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        answer = await at.log_in()
        assert answer.json() == {"ok": True, "token": at.token, "expires_in": 3600}
        assert answer.header("cache-control") == "no-store"
        assert (await at.ask("GET", "/upstream-providers")).status == 200
        assert await at.told("POST", "/logout") == {"ok": True}
        assert (await at.ask("GET", "/upstream-providers")).status == 403


async def test_a_wrong_password_is_told_and_soon_slowed_down(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        for _ in range(3):
            answer = await at.log_in("sk-planted")
            error = answer.json()["error"]
            assert (answer.status, error["code"]) == (401, "invalid_password")
            assert b"planted" not in answer.body
        answer = await at.log_in()
        assert (answer.status, answer.json()["error"]["code"]) == (429, "too_many_logins")
        assert answer.header("retry-after") == "2"


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("POST", "/logout")])
async def test_nobody_else_gets_anything(method: str, path: str, tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        for token in ("", "wrong"):
            at.token = token
            body = None if method in {"GET", "DELETE"} else {"provider_type": "groq", "slug": "x"}
            answer = await at.ask(method, path, body)
            error = answer.json()["error"]
            assert (answer.status, error["code"]) == (403, "admin_unauthorized")
            assert error["message"].startswith("Unauthorized")
        assert at.fleet.carriers == {}


async def test_without_a_password_the_admin_api_is_off(tmp_path: Path) -> None:
    async with office(tmp_path, password="") as at:
        answer = await at.log_in("")
        assert (answer.status, answer.json()["error"]["code"]) == (503, "admin_not_configured")
        assert "ADMIN_PASSWORD" in answer.json()["error"]["message"]
        assert (await at.ask("GET", "/upstream-providers")).status == 503


@pytest.mark.parametrize("body", [{}, {"password": 5}, {"password": "x", "more": 1}, []])
async def test_a_malformed_log_in_is_refused(body: object, tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        assert (await at.ask("POST", "/login", body)).status == 422
