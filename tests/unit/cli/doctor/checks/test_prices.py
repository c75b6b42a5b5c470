"""The price of bitcoin: fixed, disputed, told by enough."""

from routstr.cli.doctor.findings import State
from tests.unit.cli.doctor.town import Town


async def test_a_fixed_price_needs_no_source(town: Town) -> None:
    town.changed["btc_usd"] = "90000"
    town.answers["/one"] = (503, {})
    (found,) = await town.found("price")
    assert (found.state, "fixed at 90000" in found.what) == (State.WELL, True)


async def test_sources_that_disagree_give_no_price(town: Town) -> None:
    town.answers["/two"] = (200, {"usd": 50_000})
    (found,) = await town.found("price")
    assert (found.state, "too few sources agree" in found.cause) == (State.FAULT, True)
    assert "one 100000" in found.cause
