"""Where the rate of the catalog comes from."""

from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from routstr.assembly.prices import start_prices
from routstr.assembly.relay import price_policy
from routstr.catalog.service import Catalog
from routstr.core.clock import SystemClock
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.errors import PriceUnavailable


def settings(folder: Path, btc_usd: Decimal | None) -> Settings:
    return Settings(database_url=Secret(f"sqlite:///{folder}/node.db"), btc_usd=btc_usd)


@pytest.mark.parametrize("fixed", [Decimal(50_000), None])
async def test_a_fixed_price_is_set_at_once_and_any_other_is_read(
    tmp_path: Path, fixed: Decimal | None
) -> None:
    clock = SystemClock()
    chosen = settings(tmp_path, fixed)
    catalog = Catalog((), price_policy(chosen), clock)
    supervisor = Supervisor(clock)
    async with aiohttp.ClientSession() as session:
        start_prices(chosen, catalog, session, clock, supervisor)
        tasks = [report.name for report in supervisor.reports()]
        await supervisor.stop(1)
    assert tasks == ([] if fixed else ["price"])
    if fixed:
        catalog.current()
    else:
        with pytest.raises(PriceUnavailable):
            catalog.current()
