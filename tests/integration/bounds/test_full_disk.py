"""A node whose disk is full, or whose database another process keeps locked: clear, and alive."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from devkit.mint import Mint
from devkit.payer import Payer
from routstr.core.db import Tx
from routstr.core.db.sqlite import SqliteBackend
from routstr.money import Unit
from routstr.wallet.mint_types import ProofState
from tests.integration.bounds.inner import open_inner
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, House, Reply

pytestmark = pytest.mark.mint

UNAVAILABLE = (503, "database_unavailable")


class SmallDisk(SqliteBackend):
    """A file that may not grow while ``full``; a lock is waited for 0.1 s instead of ten."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.full = False

    def open(self) -> Tx:
        tx = super().open()
        tx.raw.execute("PRAGMA busy_timeout = 100")
        return tx

    def begin(self, *, full: bool) -> None:
        [pages] = self._raw.execute("PRAGMA page_count").fetchone()
        self._raw.execute(f"PRAGMA max_page_count = {pages if self.full else 1 << 30}")
        super().begin(full=full)


@pytest.fixture
def backend(tmp_path: Path) -> SmallDisk:
    return SmallDisk(f"sqlite:///{tmp_path / 'routstr.db'}")


@pytest.fixture
async def house(tmp_path: Path, mint: Mint, backend: SmallDisk) -> AsyncIterator[House]:
    async with open_inner(tmp_path, backend._url, mint.url, backend=backend) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]


@pytest.fixture
async def payer(mint: Mint) -> AsyncIterator[Payer]:
    async with Payer(mint.url) as payer:
        yield payer


def told(reply: Reply) -> tuple[int, str | int]:
    status, _, code = reply.error
    return status, code


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(25):
        while not await happened():  # noqa: ASYNC110 - of the node's own tasks
            await asyncio.sleep(0.1)


async def spend(house: House, key: str) -> Reply:
    return await house.client.chat(key, EXACT, max_tokens=EXACT_LIMIT)


async def test_a_full_disk_loses_nothing_and_the_node_goes_on_when_there_is_room(
    house: House, backend: SmallDisk, payer: Payer
) -> None:
    client = house.client
    key = await client.new_key(await payer.token(1_000))
    text = await payer.token(8)
    backend.full = True
    replies: list[Reply] = []
    while not replies or replies[-1].status == 200:  # until the last page is written
        replies.append(await spend(house, key))
        assert len(replies) < 500
    assert told(replies[-1]) == UNAVAILABLE
    sold = len(replies) - 1

    big = await payer.token(64, pieces=[1] * 64)  # more than a page that is half full takes
    for answer in (await client.topup(key, big), await client.create(text)):
        if answer.status != 200:
            assert told(answer) == UNAVAILABLE
    assert set(await payer.states(big)) == {ProofState.UNSPENT}
    assert (await client.info(key)).status == 200  # reading goes on
    assert (await client.call("GET", "/health")).status in {200, 503}

    backend.full = False
    await until(lambda: nothing_held(house))
    charged = await house.rows("SELECT count(*), sum(charged) FROM holds WHERE charged > 0")
    assert charged[0][0] in {sold, sold + 1}
    assert charged[0][1] == charged[0][0] * EXACT_MSAT
    assert await client.balance(key) == (1_000_000 - charged[0][1], 0)
    assert (await spend(house, key)).status == 200
    assert (await client.topup(key, big)).json["msats"] == 64_000
    assert (await client.create(text)).status == 200
    given = await client.refund(key)
    assert given.status == 200, given.body
    assert await payer.redeem(given.json["token"]) > 900


async def nothing_held(house: House) -> bool:
    return await house.rows("SELECT count(*) FROM holds WHERE state = 0") == [(0,)]


async def test_a_lock_of_another_process_is_told_and_later_everything_works(
    house: House, backend: SmallDisk, payer: Payer, tmp_path: Path
) -> None:
    client = house.client
    key = await client.new_key(await payer.token(100 * EXACT_MSAT, Unit.MSAT))
    text = await payer.token(5)
    other = sqlite3.connect(tmp_path / "routstr.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    calls = (spend(house, key), client.topup(key, text), client.refund(key), client.create(text))
    assert {told(reply) for reply in await asyncio.gather(*calls)} == {UNAVAILABLE}
    assert await client.balance(key) == (100 * EXACT_MSAT, 0)
    assert set(await payer.states(text)) == {ProofState.UNSPENT}
    other.execute("ROLLBACK")
    other.close()
    assert (await spend(house, key)).status == 200
    assert (await client.topup(key, text)).json["msats"] == 5_000
    assert await client.balance(key) == (99 * EXACT_MSAT + 5_000, 0)
    assert (await client.refund(key)).status == 200
