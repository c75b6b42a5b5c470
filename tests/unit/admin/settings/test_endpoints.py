"""GET and PATCH /admin/api/settings."""

from pathlib import Path

from routstr.core.settings import Settings
from tests.unit.admin.settings.counter import open_counter


async def test_every_value_is_told_with_where_it_comes_from_and_no_secret(tmp_path: Path) -> None:
    async with open_counter(tmp_path) as counter:
        told = await counter.told()
        assert told.keys() >= Settings.model_fields.keys()
        assert (told["name"], told["upstream_provider_fee"]) == ("Env", 1.05)
        assert (told["upstream_api_key"], told["admin_password"]) == ("[REDACTED]", "")
        assert told["nsec"] == ""
        about = told["settings"]
        assert about["name"] | {"about": ""} == {
            "value": "Env", "source": "environment", "locked": True, "environment_only": False,
            "default": "ARoutstrNode", "group": "node", "kind": "text", "unit": "", "about": "",
            "stored_at": None, "problem": None,
        }  # fmt: skip
        assert about["upstream_provider_fee"]["value"] == "1.05"
        assert about["port"]["environment_only"]
        assert b"sk-planted" not in (await counter.call("GET")).body


async def test_a_change_is_answered_with_what_holds(tmp_path: Path) -> None:
    async with open_counter(tmp_path) as counter:
        told = await counter.told("PATCH", {"exchange_fee": 1.03, "log_level": "DEBUG"})
        assert (told["exchange_fee"], told["log_level"]) == (1.03, "DEBUG")
        assert told["settings"]["exchange_fee"]["source"] == "stored"
        assert told["settings"]["exchange_fee"]["stored_at"] == 1_700_000_000
        told = await counter.told("PATCH", {"exchange_fee": None})
        assert told["settings"]["exchange_fee"]["source"] == "default"
        unchanged = await counter.told("PATCH", told)
        assert unchanged == told, "a whole answer may be sent back"


async def test_an_address_for_alerts_is_told_masked_and_changed_whole(tmp_path: Path) -> None:
    async with open_counter(tmp_path) as counter:
        told = await counter.told("PATCH", {"alert_ntfy_url": "https://ntfy.sh/hidden-topic"})
        assert told["alert_ntfy_url"] == "https://ntfy.sh/[REDACTED]"
        assert told["settings"]["alert_ntfy_url"]["value"] == "https://ntfy.sh/[REDACTED]"
        assert await counter.told("PATCH", told) == told, "a whole answer may be sent back"
        settings = counter.options.effective.settings
        assert settings.alert_ntfy_url == "https://ntfy.sh/hidden-topic"
        half = await counter.call("PATCH", {"alert_ntfy_url": "https://other.example/[REDACTED]"})
        assert (half.status, half.json()["error"]["details"]["param"]) == (400, "alert_ntfy_url")
        assert counter.options.effective.settings == settings
        assert (await counter.told("PATCH", {"alert_ntfy_url": ""}))["alert_ntfy_url"] == ""


async def test_what_is_wrong_is_told_by_name(tmp_path: Path) -> None:
    async with open_counter(tmp_path) as counter:
        answer = await counter.call("PATCH", {"exchange_fee": -1, "name": "X", "nobody": 1})
        error = answer.json()["error"]
        assert (answer.status, error["code"]) == (400, "invalid_setting")
        assert error["details"]["param"] == "name"
        assert error["details"]["problems"] == [
            "NAME: is set in the environment, where alone it can be changed",
            "NOBODY: is no setting",
        ]
        assert (await counter.call("PATCH", [1])).status == 422
        assert not await counter.options.current()
