from pathlib import Path

from routstr.theme.texts import LANGUAGES
from tests.unit.admin.selling.shop import Shop, open_shop

HERE = "/admin/providers"
SPARE = f"{HERE}/spare"


async def add(shop: Shop, **more: str) -> int:
    fields = {"provider_type": "generic", "slug": "spare", "base_url": shop.url, **more}
    return (await shop.page(f"{HERE}/new", fields)).status


async def test_a_provider_is_added_changed_and_removed(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        assert await add(shop, api_key="sk-planted", fee="much") == 400
        assert await add(shop, api_key="sk-planted", fee="1,2", idle_seconds="7.5") == 303
        for language in LANGUAGES:
            for path in (HERE, f"{HERE}/new", SPARE, f"{HERE}/own"):
                assert "sk-" not in await shop.text(f"{path}?lang={language}")
        profile = shop.fleet.carriers["spare"].profile
        assert (str(profile.fee), profile.limits.idle_s) == ("1.2", 7.5)
        fields = {"slug": "other", "base_url": shop.url, "fee": "", "priority": "-3"}
        answer = await shop.page(SPARE, fields)
        assert answer.header("location") == f"{HERE}/other?done=saved"
        profile = shop.fleet.carriers["other"].profile
        assert (profile.fee, profile.priority, len(profile.keys)) == (None, -3, 1)
        answer = await shop.page(f"{HERE}/other", {"base_url": "nonsense", "priority": "5"})
        assert answer.status == 400
        assert 'value="nonsense"' in answer.body.decode()
        assert (await shop.page(f"{HERE}/other/remove", {})).status == 303
        assert (await shop.page(f"{HERE}/other")).status == 404


async def test_keys_come_and_go_and_it_is_switched(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await add(shop, api_key="sk-1")
        assert (await shop.page(f"{SPARE}/keys", {"api_key": "sk-2"})).status == 303
        version = str((await shop.board.one("spare")).version)
        for seen, status in (("", 400), (version, 303), (version, 303)):
            answer = await shop.page(f"{SPARE}/keys/1/remove", {"version": seen})
            assert answer.status == status
            version = str((await shop.board.one("spare")).version)
        assert (await shop.page(f"{SPARE}/keys", {"api_key": ""})).status == 400
        for enabled in ("0", "1"):
            assert (await shop.page(f"{SPARE}/switch", {"enabled": enabled})).status == 303
            assert ("spare" in shop.fleet.carriers) is (enabled == "1")


async def test_it_is_tried_and_asked_again(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        text = (await shop.page(f"{HERE}/own/test", {})).body.decode()
        assert "small" in text
        assert (await shop.page(f"{HERE}/own/reset", {})).status == 303
        answer = await shop.page(f"{HERE}/own/switch", {"enabled": "0"})
        assert answer.status == 400
