"""The wall clock jumps by a year, either way, in a running node and while it is down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from devkit.fault_proxy import FaultProxy
from devkit.faults import lost
from devkit.mint import Mint
from devkit.payer import Payer
from devkit.upstream import late
from routstr.core.clock import SystemClock
from tests.integration.bounds.inner import open_inner
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, House, Reply

pytestmark = pytest.mark.mint

YEAR_MS = 365 * 86_400_000
HOUR_S = 3_600


class SetClock(SystemClock):
    """A wall clock that somebody sets; what counts durations goes on."""

    __slots__ = ("ahead_ms",)

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def proxy(mint: Mint) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(mint.url) as proxy:
        yield proxy


class Born:
    """The node, which can be started again and again on the same data."""

    def __init__(self, folder: Path, proxy: FaultProxy, clock: SetClock) -> None:
        self._folder, self._proxy, self._clock = folder, proxy, clock

    def __call__(self) -> AbstractAsyncContextManager[House]:
        url = f"sqlite:///{self._folder / 'routstr.db'}"
        return open_inner(self._folder, url, self._proxy.url, clock=self._clock)


@pytest.fixture
def born(tmp_path: Path, proxy: FaultProxy, clock: SetClock) -> Born:
    return Born(tmp_path, proxy, clock)


async def spend(house: House, key: str) -> Reply:
    return await house.client.chat(key, EXACT, max_tokens=EXACT_LIMIT)


async def prove(house: House) -> None:
    outcome = await house.audit()
    assert outcome.holds, [check for check in outcome.checks if not check.holds]
    assert await house.rows("SELECT count(*) FROM holds WHERE state IN (0, 3)") == [(0,)]


@pytest.mark.parametrize("jump", [YEAR_MS, -YEAR_MS], ids=["forwards", "backwards"])
async def test_in_a_running_node_no_hold_is_lost_and_no_key_for_longer_than_the_clock_says(
    born: Born, clock: SetClock, proxy: FaultProxy, jump: int
) -> None:
    async with born() as house, Payer(proxy.url) as payer:
        client = house.client
        key = await client.new_key(await payer.token(100))
        soon = clock.now_ms() // 1_000 + HOUR_S
        made = await client.create(await payer.token(50), validity_date=soon)
        dated = made.json["api_key"]

        house.upstream.next(late(12.0))  # longer than it takes until holds are swept
        waiting = asyncio.create_task(spend(house, key))
        await client.wait_for_hold(key, held=True)
        clock.ahead_ms = jump
        assert (await spend(house, key)).status == 200
        assert (await spend(house, dated)).status == (403 if jump > 0 else 200)
        assert (await client.info(dated)).status == 200  # its money is never out of reach
        assert (await waiting).cost == EXACT_MSAT
        assert await client.balance(key) == (100_000 - 2 * EXACT_MSAT, 0)
        assert (await client.topup(key, await payer.token(7))).json["msats"] == 7_000

        clock.ahead_ms = 0
        assert (await spend(house, dated)).status == 200  # whatever was said of it meanwhile
        assert (await client.refund(key)).status == 200
        await prove(house)


@pytest.mark.parametrize("jump", [YEAR_MS, -YEAR_MS], ids=["forwards", "backwards"])
async def test_while_the_node_is_down_operations_go_on_and_keys_stay(
    born: Born, clock: SetClock, proxy: FaultProxy, jump: int
) -> None:
    async with Payer(proxy.url) as payer:
        text = await payer.token(64)
        async with born() as house:
            key = await house.client.new_key(await payer.token(100))
            proxy.reset()
            proxy.plan("/v1/swap", lost(handled=True))
            proxy.plan("/v1/restore", lost(handled=False), lasting=True)
            reply = await house.client.topup(key, text)
            assert (reply.status, reply.error[2]) == (503, "cashu_redemption_pending")
        proxy.reset()
        clock.ahead_ms = jump
        async with born() as house:
            await recovered(house)
            assert await house.client.balance(key) == (164_000, 0)
            assert (await house.client.topup(key, text)).json["balance"] == 164_000
            assert (await spend(house, key)).status == 200
            await prove(house)
        clock.ahead_ms = 0
        async with born() as house:
            assert (await spend(house, key)).status == 200
            given = await house.client.refund(key)
            assert given.status == 200, given.body
            assert await payer.redeem(given.json["token"]) > 150
            await prove(house)


async def recovered(house: House) -> None:
    async with asyncio.timeout(25):
        while await house.rows("SELECT 1 FROM sagas WHERE state = 0"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_secret_key_that_is_lost_stops_the_start_until_it_is_put_back(
    born: Born, proxy: FaultProxy, tmp_path: Path
) -> None:
    async with Payer(proxy.url) as payer:
        async with born() as house:
            key = await house.client.new_key(await payer.token(100))
            told = (await house.client.refund(key)).json["token"]  # it is stored sealed
        file, away = tmp_path / "routstr_secret.key", tmp_path / "away"
        file.rename(away)
        with pytest.raises(AssertionError, match="Put back the key with which the database"):
            async with born():
                pass
        away.rename(file)
        async with born() as house:
            assert (await house.client.refund(key)).json["token"] == told
            assert (await house.client.topup(key, await payer.token(9))).json["msats"] == 9_000
            await prove(house)
