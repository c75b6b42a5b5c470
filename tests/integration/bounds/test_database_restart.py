"""PostgreSQL is restarted, in good order and at once, under a node that is busy."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.mint import Mint
from devkit.payer import Payer
from devkit.postgres import Postgres
from routstr.money import Unit
from tests.integration.bounds.inner import open_inner
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client, House, Reply

pytestmark = [pytest.mark.mint, pytest.mark.postgres]

CALLERS = 10
PAID_IN = 2_000 * EXACT_MSAT
TOPUP = 3


@pytest.fixture
async def server() -> AsyncIterator[Postgres]:
    server = await Postgres.start()
    yield server
    await server.stop()


@pytest.fixture
async def house(tmp_path: Path, mint: Mint, server: Postgres) -> AsyncIterator[House]:
    async with open_inner(tmp_path, server.create_database(), mint.url) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]


class Caller:
    """One key: it asks until it is told to stop, and pays in now and then."""

    def __init__(self, client: Client, key: str, topups: list[str]) -> None:
        self.client = client
        self.key = key
        self.topups = topups
        self.statuses: Counter[int] = Counter()
        self.paid_in = 0
        self.refusals: set[tuple[str, str]] = set()

    async def run(self, over: asyncio.Event) -> None:
        while not over.is_set():
            for _ in range(5):
                reply = await self.client.chat(self.key, EXACT, max_tokens=EXACT_LIMIT)
                self.statuses[reply.status] += 1
                assert reply.status in {200, 503}, reply.body
                if reply.status == 503:
                    self.refusals.add(refusal(reply))
                assert reply.status != 200 or reply.cost == EXACT_MSAT
            if self.topups:
                await self.pay_in(self.topups.pop())

    async def pay_in(self, text: str) -> None:
        """The same token again, until the answer is that it was booked."""
        async with asyncio.timeout(60):
            while (reply := await self.client.topup(self.key, text)).status != 200:
                assert reply.status in {425, 503}, reply.body
                await asyncio.sleep(0.1)
        self.paid_in += reply.json["msats"]


async def test_a_restart_under_load_costs_nobody_anything(
    house: House, server: Postgres, mint: Mint
) -> None:
    client = house.client
    async with Payer(mint.url) as payer:
        callers = [
            Caller(
                client,
                await client.new_key(await payer.token(PAID_IN, Unit.MSAT)),
                [await payer.token(TOPUP, Unit.MSAT) for _ in range(6)],
            )
            for _ in range(CALLERS)
        ]
    over = asyncio.Event()
    running = [asyncio.create_task(caller.run(over)) for caller in callers]
    for at_once in (False, True, True):
        await asyncio.sleep(0.7)
        await server.restart(at_once=at_once)
    await asyncio.sleep(0.7)
    over.set()
    await asyncio.gather(*running)

    await until_nothing_is_held(house)
    refusals = set[tuple[str, str]]().union(*(caller.refusals for caller in callers))
    assert refusals <= {
        ("service_unavailable", code) for code in ("database_unavailable", "outcome_unknown")
    }
    served = 0
    for caller in callers:
        balance, _ = await client.balance(caller.key)
        spent = PAID_IN + caller.paid_in - balance
        assert spent == caller.statuses[200] * EXACT_MSAT, caller.statuses
        served += caller.statuses[200]
        for text in caller.topups:  # what was not used is still money
            await caller.pay_in(text)
    assert served > 10 * CALLERS
    assert {caller.paid_in for caller in callers} == {6 * TOPUP}


def refusal(reply: Reply) -> tuple[str, str]:
    """What a client is told meanwhile: what it is, and when to come back."""
    assert int(reply.headers["Retry-After"]) > 0
    error = reply.json["error"]
    return error["type"], error["code"]


async def until_nothing_is_held(house: House) -> None:
    async with asyncio.timeout(60):
        while await house.rows("SELECT 1 FROM holds WHERE state = 0 LIMIT 1"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
