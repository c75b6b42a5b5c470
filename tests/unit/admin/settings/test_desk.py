"""What the page shows of settings."""

from pathlib import Path

from sqlalchemy import text

from routstr.admin.settings.desk import SettingsDesk
from routstr.core.options.effective import Origin
from routstr.core.setting_groups import GROUPS
from tests.unit.admin.settings.counter import open_counter


async def test_groups_have_all_settings_with_their_meaning(tmp_path: Path) -> None:
    async with open_counter(tmp_path) as counter:
        desk = SettingsDesk(counter.options)
        await desk.type_in({"upstream_provider_fee": "1.5", "cashu_mints": "https://a.example\n"})
        groups = await desk.groups()
        assert len(groups) == len(GROUPS)
        assert all(one.about for group in groups for one in group.settings)
        pricing = await desk.group("pricing")
        assert pricing is not None
        fee = pricing.settings[0]
        assert (fee.text, fee.default, fee.origin) == ("1.5", "1.05", Origin.STORED)
        assert (fee.variable, fee.locked, fee.fixed) == ("UPSTREAM_PROVIDER_FEE", False, False)
        assert await desk.group("nobody") is None


async def test_a_stored_value_that_does_not_hold_is_shown_with_the_reason(tmp_path: Path) -> None:
    async with open_counter(tmp_path) as counter:
        await counter.options.change({"exchange_fee": "1.5"})
        await counter.options._db.write(
            lambda tx: tx.sql.execute(text("UPDATE options SET value = '\"-1\"'"))
        )
        await counter.options.load()
        pricing = await SettingsDesk(counter.options).group("pricing")
        assert pricing is not None
        fee = next(one for one in pricing.settings if one.name == "exchange_fee")
        assert (fee.text, fee.origin) == ("1.005", Origin.DEFAULT)
        assert "greater than 0" in fee.problem
