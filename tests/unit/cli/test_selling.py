"""Who serves and what is sold, read beside the node."""

from pathlib import Path

from aiohttp import ClientSession

from routstr.assembly.plugins import NOTHING_MORE
from routstr.cli import selling
from routstr.core.clock import ManualClock
from routstr.core.settings import Settings
from routstr.payment.price import Verdict
from routstr.payment.price_sources import PriceSource


async def test_without_a_database_only_the_provider_of_the_settings_is_known(
    tmp_path: Path,
) -> None:
    settings = Settings(upstream_base_url="https://api.example.com/v1")
    found = await selling.profiles_of(settings, NOTHING_MORE, None, None)
    assert [one.name for one in found] == ["example"]
    assert await selling.profiles_of(Settings(), NOTHING_MORE, None, None) == ()


async def test_a_price_that_nobody_tells_is_none() -> None:
    async with ClientSession() as session:
        away = [PriceSource(name, "http://127.0.0.1:9/", ()) for name in ("a", "b")]
        told = await selling.read_price(Settings(), session, ManualClock(), away)
    assert (told.verdict, told.price) == (Verdict.DISAGREED, None)
    assert set(told.failures) == {"a", "b"}
