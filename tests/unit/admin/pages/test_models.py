from decimal import Decimal
from pathlib import Path

import pytest

from routstr.admin.pages.models import places
from routstr.theme.texts import LANGUAGES
from tests.unit.admin.selling.shop import open_shop

ONE = "/admin/models/one?provider=own&model=maker%2Fsmall"
BULK = "/admin/models/bulk"
PICKED = {"pick-1": "own/maker/small", "pick-2": "own/maker/large", "back": "search=maker&done=9"}


async def test_the_pages_show_prices_and_the_formula(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        for language in LANGUAGES:
            await shop.text(f"{ONE}&lang={language}")
        listed = await shop.text("/admin/models?lang=en")
        assert "1,650 sat" in listed
        assert "$1 \u00d7 1.65" in listed
        one = await shop.text(f"{ONE}&lang=en")
        assert "\u00d7 1,000,000 msat" in one
        assert "$6.6" in one
        assert (await shop.page("/admin/models/one?provider=own&model=no")).status == 404


async def test_a_form_is_saved_and_undone(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        fields = {"enabled": "on", "mode": "usd", "input": "2,5", "output": "", "fee": "2"}
        answer = await shop.page(ONE, fields)
        assert (answer.status, shop.price("small")) == (
            303, (55 * 10**11, 88 * 10**11),
        )  # fmt: skip
        assert 'value="2.5"' in await shop.text(ONE)
        assert (await shop.page("/admin/models/one/back" + ONE[17:], {})).status == 303
        assert shop.price("small") == (165 * 10**10, 66 * 10**11)


async def test_what_is_wrong_is_told_and_what_was_typed_stays(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        answer = await shop.page(ONE, {"enabled": "on", "mode": "usd", "input": "0"})
        text = answer.body.decode()
        assert answer.status == 400
        assert "pricing.prompt" in text
        assert 'value="0"' in text


async def test_many_are_changed_at_once(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        for fields, told in (
            ({"action": "back"}, "done=0"),
            ({"action": "fee", "fee": "1,2"}, "done=2"),
            ({"action": "fee", "fee": "0"}, "problem="),
            ({"action": "explode"}, "problem="),
            ({"action": "off"}, "done=2"),
        ):
            where = (await shop.page(BULK, {**PICKED, **fields})).header("location")
            assert str(where).startswith(f"/admin/models?search=maker&{told}")
        assert shop.models.find(which="off").total == 2
        assert "problem=" in str((await shop.page(BULK, {"action": "on"})).header("location"))
        await shop.page(BULK, {**PICKED, "action": "on"})
        assert shop.price("small")[0] == 132 * 10**10


async def test_a_model_is_tried(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        text = (await shop.page("/admin/models/one/test" + ONE[17:], {})).body.decode()
        assert "Hello &lt;you&gt;." in text


@pytest.mark.parametrize(
    ("value", "wanted"), [("0", 0), ("2.50", 1), ("0.0000123456", 8), ("1234.56", 0), ("1.055", 3)]
)
def test_prices_are_written_with_the_digits_that_matter(value: str, wanted: int) -> None:
    assert places(Decimal(value)) == wanted
