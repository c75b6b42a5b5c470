from decimal import Decimal
from pathlib import Path

import pytest

from routstr.admin.selling.shown import State
from routstr.errors import ModelInvalid, ProviderNotFound, UnknownModel
from tests.unit.admin.selling.shop import open_shop

FEES = Decimal("1.65")


async def test_a_change_is_sold_at_once_and_taken_back(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        before = shop.price("small")
        (row,) = await shop.models.change(
            "own", [{"id": "MAKER/small", "pricing": {"prompt": "3e-6"}}]
        )
        assert row.stocked.stored
        assert row.id == "maker/small"
        assert shop.price("small") == (before[0] * 3, before[1])
        await shop.models.change("own", [{"id": "maker/small", "provider_fee": Decimal(3)}])
        assert shop.price("small") == (before[0] * 6, before[1] * 2)
        assert await shop.models.take_back("own", "maker/small") == 1
        assert shop.price("small") == before
        with pytest.raises(UnknownModel):
            await shop.models.take_back("own", "maker/small")


async def test_models_are_switched_off_given_away_and_given_other_names(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        assert await shop.models.change_many([("own", "maker/small")], {"enabled": False}) == 1
        assert "small" not in shop.catalog.current().models
        assert shop.models.one("own", "maker/small").state is State.OFF
        await shop.models.change("own", [{"id": "maker/small", "enabled": True, "free": True}])
        assert shop.price("small") == (0, 0)
        await shop.models.change("own", [{"id": "maker/large", "alias_ids": ["best"]}])
        assert shop.models.serving("BEST").id == "maker/large"
        with pytest.raises(ModelInvalid, match="is called that already"):
            await shop.models.change("own", [{"id": "maker/small", "alias_ids": ["Best"]}])


async def test_of_several_changes_all_are_stored_or_none(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        before = shop.price("small")
        off = {"id": "maker/large", "enabled": False}
        with pytest.raises(ModelInvalid, match="price of nothing"):
            await shop.models.change("own", [off, {"id": "maker/small", "pricing": {"prompt": 0}}])
        assert shop.price("small") == before
        assert shop.models.one("own", "maker/large").state is State.SOLD


async def test_models_are_found_by_name_state_and_page(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        assert [row.sold_as for row in shop.models.find().rows] == ["large", "small", "unpriced"]
        assert [row.id for row in shop.models.find("LARGE o").rows] == ["maker/large"]
        assert [row.id for row in shop.models.find(which="not_sold").rows] == ["maker/unpriced"]
        assert shop.models.find(provider="nobody").total == 0
        assert shop.models.find(page=9).page == 1
        many = [{"id": f"new-{one}", "context_length": 9, "free": True} for one in range(60)]
        await shop.models.change("own", many)
        found = shop.models.find("new-", "changed", page=2)
        assert (found.total, found.pages, len(found.rows)) == (60, 2, 10)
        assert await shop.models.take_back("own") == 60
        with pytest.raises(UnknownModel):
            shop.models.one("own", "new-1")
        with pytest.raises(ProviderNotFound):
            await shop.models.change("nobody", many)


async def test_the_formula_is_what_is_charged(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        row = shop.models.one("own", "maker/large")
        formula = shop.models.formula(row)
        assert (formula.rule, formula.fees, formula.fee_of) == ("token", FEES, "provider")
        assert formula.msat_per_usd == 1_000_000
        for line in formula.lines:
            if line.own and line.name != "request":
                assert line.client == line.own * formula.fees
                assert line.msat == line.client / line.per * formula.msat_per_usd
        assert [line.name for line in formula.lines] == ["input", "output", "cache_read", "request"]
