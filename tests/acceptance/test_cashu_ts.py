"""``@cashu/cashu-ts``, a wallet of another hand, pays by what the 402 tells and takes the change.

It needs Node.js and npm, which fetches the wallet: ``make acceptance``. Where one is missing
or fetches nothing, the tests are reported as not run.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from devkit.mint import Mint, MintOptions
from tests.acceptance.npm import installed, run
from tests.integration.money.house import House, open_house

pytestmark = [pytest.mark.node, pytest.mark.mint]

HERE: Final = Path(__file__).parent / "cashu_ts"


@pytest.fixture
async def wallet(tmp_path: Path) -> Path:
    """A folder with the wallet and the script that drives it."""
    return await installed(HERE, tmp_path / "cashu_ts")


@pytest.fixture
async def mints(tmp_path: Path) -> AsyncIterator[list[Mint]]:
    """One without fees, and one that takes a tenth of a sat for each proof."""
    started = [
        await Mint.start(tmp_path / f"mint-{fee}", MintOptions(fee_ppk=fee)) for fee in (0, 100)
    ]
    yield started
    for mint in started:
        await mint.stop()


@pytest.fixture
async def house(tmp_path: Path, mints: list[Mint]) -> AsyncIterator[House]:
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    async with open_house(tmp_path, url, [mint.url for mint in mints]) as house:
        yield house


async def shop(wallet: Path, house: House, mint: Mint, *, stream: bool) -> dict[str, Any]:
    """Buy one answer, and tell what the wallet saw."""
    body = {
        "model": "good",
        "messages": [{"role": "user", "content": "Say something."}],
        "max_tokens": 500,
        "stream": stream,
    }
    arguments = ("shop.mjs", house.client.url, mint.url, json.dumps(body))
    status, told = await run("node", *arguments, folder=wallet)
    assert status == 0, told
    seen: dict[str, Any] = json.loads(told.splitlines()[-1])
    return seen


async def test_it_reads_the_request_pays_and_takes_the_change(
    wallet: Path, house: House, mints: list[Mint]
) -> None:
    for mint in mints:
        for stream in (False, True):
            seen = await shop(wallet, house, mint, stream=stream)
            where = f"fee {mint.options.fee_ppk}, stream {stream}"
            assert (seen["refused"], seen["answered"]) == (402, 200), where
            assert seen["asked"]["unit"] == "sat", where
            assert set(seen["asked"]["mints"]) == {one.url for one in mints}, where
            assert seen["paid"] >= seen["asked"]["amount"] > 0, where
            assert seen["type"].startswith("text/event-stream" if stream else "application/json")
            assert (seen["inHeader"], seen["inBody"]) == (not stream, stream), where
            assert seen["words"] > (1 if stream else 0), where
            assert seen["claimedTheSame"], where

            told = seen["told"]
            assert told["change_msats"] == seen["face"] * 1_000, where
            parts = ("change_msats", "mint_fee_msats", "unrefunded_msats")
            spent = told["cost"]["total_msats"] + sum(told[part] for part in parts)
            assert spent == seen["paid"] * 1_000, where
            fee = seen["face"] - seen["received"]
            assert (fee > 0) == bool(mint.options.fee_ppk), where
    outcome = await house.audit()
    assert outcome.holds, [check for check in outcome.checks if not check.holds]
