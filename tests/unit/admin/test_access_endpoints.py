from pathlib import Path

import pytest

from tests.unit.admin.office import PASSWORD, office

ROUTES = [
    ("PATCH", "/password"),
    ("GET", "/cli-tokens"),
    ("POST", "/cli-tokens"),
    ("DELETE", "/cli-tokens/1"),
    ("GET", "/sessions"),
    ("DELETE", "/sessions"),
    ("DELETE", "/sessions/1"),
    ("GET", "/sign-ins"),
]


async def test_nobody_else_gets_anything(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        for method, path in ROUTES:
            answer = await at.ask(method, path)
            assert (answer.status, answer.json()["error"]["code"]) == (403, "admin_unauthorized")
            assert answer.header("cache-control") == "no-store"


async def test_a_token_is_made_used_within_its_scopes_and_revoked(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        session = at.token
        asked = {"name": "reader", "scopes": ["read"], "expires_in_days": 7}
        made = await at.told("POST", "/cli-tokens", asked)
        (listed,) = await at.told("GET", "/cli-tokens")
        assert {**listed, "token": made["token"]} == made
        assert made["token"].startswith(made["token_preview"][:-1])
        assert made["expires_at"] == made["created_at"] + 7 * 86_400
        at.token = made["token"]
        await at.told("GET", "/upstream-providers")
        refused = await at.ask("POST", "/upstream-providers", {"provider_type": "groq"})
        error = refused.json()["error"]
        assert (refused.status, error["code"]) == (403, "admin_scope_missing")
        assert error["details"] == {"scope": "providers"}
        assert (await at.ask("POST", "/cli-tokens", {"name": "more"})).status == 403
        assert (await at.ask("POST", "/logout")).status == 403
        at.token = session
        assert (await at.told("GET", "/cli-tokens"))[0]["last_used_at"] is not None
        assert await at.told("DELETE", f"/cli-tokens/{made['id']}") == {
            "ok": True,
            "deleted_id": made["id"],
        }
        assert (await at.ask("DELETE", f"/cli-tokens/{made['id']}")).status == 404
        at.token = made["token"]
        assert (await at.ask("GET", "/upstream-providers")).status == 403


async def test_without_scopes_a_token_may_do_all_but_change_who_is_let_in(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        made = await at.told("POST", "/cli-tokens", {"name": "tool"})
        assert made["scopes"] == ["read", "write", "settings", "providers", "money"]
        assert made["expires_at"] is None


@pytest.mark.parametrize("body", [{}, {"name": "x", "scopes": ["all"]}, {"name": "x", "more": 1}])
async def test_a_malformed_token_is_refused(body: object, tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        assert (await at.ask("POST", "/cli-tokens", body)).status == 422
        assert (await at.ask("POST", "/cli-tokens", {"name": ""})).status == 400


async def test_the_environments_password_is_not_changed_here(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        body = {"current_password": PASSWORD, "new_password": "another horse"}
        answer = await at.ask("PATCH", "/password", body)
        assert (answer.status, answer.json()["error"]["code"]) == (409, "password_locked")


async def test_sessions_and_sign_ins_are_told(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in("wrong horse")
        await at.log_in()
        await at.log_in()
        seen = await at.told("GET", "/sessions")
        assert [one["current"] for one in seen] == [True, False]
        assert [one["succeeded"] for one in await at.told("GET", "/sign-ins")] == [
            True,
            True,
            False,
        ]
        await at.told("DELETE", f"/sessions/{seen[1]['id']}")
        assert (await at.ask("DELETE", f"/sessions/{seen[1]['id']}")).status == 404
        await at.log_in()
        await at.told("DELETE", "/sessions")
        assert [one["current"] for one in await at.told("GET", "/sessions")] == [True]
