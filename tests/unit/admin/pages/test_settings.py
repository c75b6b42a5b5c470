"""The page of the settings: forms that send only what was touched."""

from pathlib import Path

import pytest

from routstr.theme.texts import LANGUAGES
from tests.unit.admin.settings.counter import Counter, open_counter


async def stored(counter: Counter) -> dict[str, object]:
    return {name: one.value for name, one in (await counter.options.current()).items()}


async def test_the_page_shows_every_group_and_what_is_locked(tmp_path: Path) -> None:
    async with open_counter(tmp_path) as counter:
        for language in LANGUAGES:
            answer = await counter.page(f"/admin/settings?lang={language}")
            assert answer.status == 200
        text = (await counter.page("/admin/settings")).body.decode()
        assert text.count("<form") >= 11
        assert 'value="Env"' in text
        assert "Locked: NAME is set in the environment." in text
        assert "This node has no onion address" in text
        assert "sk-planted" not in text
        assert "style=" not in text
        assert "<script>" not in text


async def test_a_group_is_saved_and_only_what_was_touched(tmp_path: Path) -> None:
    async with open_counter(tmp_path) as counter:
        await counter.options.change({"min_request_msat": 7})
        fields = {
            "was-upstream_provider_fee": "1.05", "upstream_provider_fee": "1.2",
            "was-min_request_msat": "1", "min_request_msat": "1",
            "was-bill_empty_answers": "true",
            "name": "X", "was-name": "Env", "exchange_fee": "9",
        }  # fmt: skip
        answer = await counter.page("/admin/settings/pricing", fields)
        assert answer.status == 303
        assert answer.header("location") == "/admin/settings?saved=pricing#pricing"
        assert await stored(counter) == {
            "min_request_msat": 7, "upstream_provider_fee": "1.2", "bill_empty_answers": False,
        }  # fmt: skip
        after = (await counter.page("/admin/settings?saved=pricing")).body.decode()
        assert "The node uses it from now on." in after


async def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(tmp_path: Path) -> None:
    async with open_counter(tmp_path) as counter:
        fields = {
            "was-exchange_fee": "1.005", "exchange_fee": "much",
            "was-child_key_cost": "0", "child_key_cost": "5",
        }  # fmt: skip
        for part in (False, True):
            answer = await counter.page("/admin/settings/pricing", fields, part=part)
            text = answer.body.decode()
            assert answer.status == 400
            assert "Not saved: nothing has changed." in text
            assert 'value="much" id="s-exchange_fee"' in text
            assert 'id="w-exchange_fee">Should be' in text
            assert 'value="5" id="s-child_key_cost"' in text
            assert ("<!doctype" in text) is not part
        assert not await stored(counter)


@pytest.mark.parametrize("part", [True, False])
async def test_one_setting_goes_back_to_its_default(tmp_path: Path, part: bool) -> None:
    async with open_counter(tmp_path) as counter:
        await counter.options.change({"exchange_fee": "1.5", "child_key_cost": 3})
        fields = {
            "reset": "exchange_fee", "was-exchange_fee": "1.5", "exchange_fee": "1.5",
            "was-child_key_cost": "3", "child_key_cost": "4",
        }  # fmt: skip
        answer = await counter.page("/admin/settings/pricing", fields, part=part)
        assert answer.status == (200 if part else 303)
        assert await stored(counter) == {"child_key_cost": 3}
        if part:
            assert 'value="4" id="s-child_key_cost"' in answer.body.decode()


async def test_what_the_node_cannot_serve_with_is_told_above_the_fields(tmp_path: Path) -> None:
    async with open_counter(tmp_path) as counter:
        fields = {"was-description": "A Routstr Node", "description": "bad"}
        answer = await counter.page("/admin/settings/node", fields, part=True)
        assert answer.status == 400
        assert "The node cannot serve like this: a bad description" in answer.body.decode()
        assert (await counter.page("/admin/settings/nobody", {})).status == 404
