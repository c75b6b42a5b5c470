from pathlib import Path
from typing import Any

import pytest

from tests.unit.admin.office import office

KEY = "sk-planted-0123456789"


def without_times(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if not name.endswith("_at")}


async def test_a_provider_is_used_from_the_moment_it_is_added(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        made = await at.told(
            "POST",
            "/upstream-providers",
            {
                "provider_type": "azure",
                "base_url": "https://mine.openai.azure.com",
                "api_key": KEY,
                "api_version": "2025-01-01",
                "provider_fee": 1.01,
                "provider_settings": {"idle_seconds": 5},
            },
        )
        assert without_times(made) == {
            "id": 1,
            "slug": "azure",
            "provider_type": "azure",
            "base_url": "https://mine.openai.azure.com",
            "api_key": "[REDACTED]",
            "api_keys": ["[REDACTED]"],
            "api_version": "2025-01-01",
            "enabled": True,
            "provider_fee": 1.01,
            "priority": 0,
            "provider_settings": {"idle_seconds": 5, "api_version": "2025-01-01"},
            "locked": False,
        }
        profile = at.fleet.carriers["azure"].profile
        assert [key.reveal() for key in profile.keys] == [KEY]
        assert profile.options["api_version"] == "2025-01-01"
        assert await at.told("GET", "/upstream-providers/azure") == made
        assert await at.told("GET", "/upstream-providers/1") == made


async def test_the_list_begins_with_the_provider_of_the_settings(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        await at.told("POST", "/upstream-providers", {"provider_type": "groq"})
        listed = await at.told("GET", "/upstream-providers")
        told = [(one["id"], one["slug"], one["locked"], one["api_key"]) for one in listed]
        assert told == [(0, "own", True, "[REDACTED]"), (1, "groq", False, "")]
        assert listed[0]["provider_fee"] == 1.05
        assert await at.told("GET", "/upstream-providers/own") == listed[0]


async def test_a_change_keeps_what_it_does_not_name(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        body = {"provider_type": "groq", "api_keys": [KEY, "second"]}
        await at.told("POST", "/upstream-providers", body)
        shown = await at.told("GET", "/upstream-providers/groq")
        change = {"api_key": shown["api_key"], "priority": 4, "provider_fee": 1.2}
        changed = await at.told("PATCH", "/upstream-providers/groq", change)
        assert (changed["priority"], changed["provider_fee"]) == (4, 1.2)
        assert len(at.fleet.carriers["groq"].lines) == 2
        await at.told("PATCH", "/upstream-providers/1", {"provider_fee": None, "enabled": False})
        assert "groq" not in at.fleet.carriers
        renamed = await at.told(
            "PATCH", "/upstream-providers", {"slug": "groq", "new_slug": "quick", "enabled": True}
        )
        assert (renamed["slug"], renamed["provider_fee"]) == ("quick", 1.05)
        assert list(at.fleet.carriers) == ["own", "quick"]


async def test_a_removed_provider_is_asked_no_more(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        await at.told("POST", "/upstream-providers", {"provider_type": "groq"})
        assert await at.told("DELETE", "/upstream-providers/groq") == {"ok": True, "deleted_id": 1}
        assert list(at.fleet.carriers) == ["own"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nobody", None, 404, "provider_not_found"),
        ("DELETE", "/nobody", None, 404, "provider_not_found"),
        ("PATCH", "/nobody", {"priority": 1}, 404, "provider_not_found"),
        ("PATCH", "/own", {"priority": 1}, 400, "invalid_provider"),
        ("DELETE", "/0", None, 400, "invalid_provider"),
        ("PATCH", "/groq", {"slug": "own"}, 409, "provider_exists"),
        ("PATCH", "/groq", {"base_url": "http://10.0.0.1"}, 400, "invalid_provider"),
        ("PATCH", "/groq", {"provider_fee": 0}, 400, "invalid_provider"),
        ("POST", "", {"provider_type": "nobody"}, 400, "invalid_provider"),
        ("POST", "", {"provider_type": "groq", "slug": "groq"}, 409, "provider_exists"),
        ("POST", "", {"provider_type": "groq", "api_key": "two words"}, 400, "invalid_provider"),
        ("POST", "", {"slug": "some"}, 422, "invalid_parameter"),
        ("POST", "", {"provider_type": "groq", "api_key": 7}, 422, "invalid_parameter"),
        ("PATCH", "/groq", {"nothing": 1}, 422, "invalid_parameter"),
        ("PATCH", "/groq", {"provider_settings": []}, 422, "invalid_parameter"),
    ],
)
async def test_what_cannot_be_done_is_told(
    tmp_path: Path, method: str, path: str, body: object, status: int, code: str
) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        await at.told("POST", "/upstream-providers", {"provider_type": "groq", "api_key": KEY})
        answer = await at.ask(method, f"/upstream-providers{path}", body)
        assert (answer.status, answer.json()["error"]["code"]) == (status, code)
        assert list(at.fleet.carriers) == ["own", "groq"]


async def test_a_key_is_never_told(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        body = {"provider_type": "groq", "api_key": KEY}
        answers = [
            await at.ask("POST", "/upstream-providers", body),
            await at.ask("POST", "/upstream-providers", {**body, "slug": "copy"}),
            await at.ask("POST", "/upstream-providers", {**body, "enabled": "nonsense"}),
            await at.ask("GET", "/upstream-providers"),
            await at.ask("PATCH", "/upstream-providers/groq", {"api_key": f"{KEY} {KEY}"}),
        ]
        assert [one.status for one in answers] == [200, 409, 422, 200, 400]
        assert all(b"planted" not in one.body for one in answers)


async def test_the_types_are_listed_with_their_addresses(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await at.log_in()
        types = {one["id"]: one for one in await at.told("GET", "/provider-types")}
        assert types["openrouter"] == {
            "id": "openrouter",
            "name": "OpenRouter",
            "default_base_url": "https://openrouter.ai/api/v1",
            "fixed_base_url": True,
            "platform_url": "https://openrouter.ai/settings/keys",
            "can_create_account": False,
            "can_topup": False,
            "can_show_balance": False,
        }
        assert len(types) == 13
