"""A sample of the matrix of endpoints, payers and troubles; all of it: ``make endpoint-matrix``."""

from pathlib import Path

import pytest

from devkit.payer import Payer
from tests.endpoints.cells import Cell
from tests.endpoints.matrix import sample
from tests.endpoints.prices import PriceList, Units
from tests.endpoints.rows import ROWS
from tests.endpoints.running import judged, run_all
from tests.endpoints.world import open_world

WORKERS = 12
SEED = 5


class OneMsatTooDear(PriceList):
    """Prices that are not the node's."""

    def charge(self, model: str, units: Units) -> int:
        return super().charge(model, units) + 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_endpoint_charges_what_it_should_whatever_befalls_it(
    tmp_path: Path, database_url: str, payers: dict[str, Payer]
) -> None:
    async with open_world(tmp_path, database_url, payers["mint"]) as world:
        results = await run_all(sample(SEED), world, workers=WORKERS, seed=SEED)
        told = [f"{result.cell}: {result.problem}" for result in results if result.problem]
        assert told == []

        world.prices = OneMsatTooDear(world.listed)
        cells = [Cell(ROWS[0], payment, "ok") for payment in ("sk", "cashu", "x-cashu")]
        wrong = await run_all(cells, world, workers=WORKERS, seed=-SEED)
        assert all("msat, not" in result.problem for result in wrong), "a wrong msat is noticed"
        assert await judged(world) == ""
