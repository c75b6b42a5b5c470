"""S12: fifty at once, on two nodes and one database; a model explains every answer (tests/fuzz).

Real mints and whole nodes are raced in ``tests/integration/money``; these are the races that need a
payment which hangs, or one and the same moment at two nodes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from devkit.postgres import Postgres
from routstr.auth.invoice_status import Status
from routstr.core.clock import ManualClock
from routstr.money import Unit
from routstr.wallet import token
from tests.fuzz import learning, lifecycle
from tests.fuzz.holding import PlaceHold, Settle
from tests.fuzz.lightning import Fortune
from tests.fuzz.loop import HastyLoop
from tests.fuzz.offering import UserToken
from tests.fuzz.operations import Answer, Operation
from tests.fuzz.outside import FIRST
from tests.fuzz.paying import Pay, Served
from tests.fuzz.paying_in import AskInvoice, Ordering, PayInvoice, UserInvoice
from tests.fuzz.paying_out import EndPayments, PayOut, SendBack
from tests.fuzz.places import Place, PostgresPlace, SqlitePlace, listening
from tests.fuzz.receiving import Receive
from tests.fuzz.refunding import ClaimChange, GiveBack
from tests.fuzz.world import Act, World

FIFTY: Final = 50
Race = Callable[[World], Awaitable[None]]
Run = Callable[[Race], None]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """Lets a race happen to two nodes; afterwards everybody gets their money back, to the msat."""
    with ExitStack() as stack:
        ear = stack.enter_context(listening())
        place: Place = SqlitePlace(tmp_path)
        if request.param == "postgres":
            server: Postgres = request.getfixturevalue("postgres")
            place = PostgresPlace(server)

        async def live(race: Race, clock: ManualClock) -> None:
            world = await World.open(url, clock, ear.heard)
            try:
                await race(world)
                await lifecycle.close(world)
            finally:
                await world.stop()

        url = place.create()

        def happen(race: Race) -> None:
            clock = ManualClock()
            with asyncio.Runner(loop_factory=lambda: HastyLoop(clock)) as runner:
                runner.run(live(race, clock))

        yield happen


async def at_once(world: World, *operations: Operation) -> list[Answer]:
    """At the nodes by turns."""
    return await world.step(*(Act(n % 2, one) for n, one in enumerate(operations)))


def bought(world: World, *amounts: int) -> UserToken:
    mint = world.mint(FIRST)
    made = mint.token(*amounts, dleq=False)
    net = int(Unit.SAT.to_msat(made.amount))
    return UserToken(made, frozenset(token.ys(made)), net, mint)


def written(one: UserToken, number: int) -> str:
    """In changing encodings."""
    return (token.encode_a, token.encode_b)[number // 2 % 2](one.token)


async def keys(world: World, count: int) -> None:
    for _ in range(count):
        one = bought(world, 64)
        await learning.create(world, Act(0, Receive(one, written(one, 2), None)))


async def earn(world: World) -> None:
    """Every customer buys something for half of what they have."""
    for number, key in enumerate(world.keys):
        placed = PlaceHold(key.account, 32_000, 32_000, f"request-{number}")
        (answer,) = await world.step(Act(0, placed))
        await world.step(Act(0, Settle(answer.value.hold, 32_000)))


@pytest.mark.parametrize("fortune", [Fortune.PAID, Fortune.HANGS_PAID, Fortune.HANGS_FAILED])
def test_s12_payouts_against_refunds_take_the_operators_money_alone(
    run: Run, fortune: Fortune
) -> None:
    async def race(world: World) -> None:
        await keys(world, 10)
        await earn(world)
        back: list[Operation] = [
            SendBack(key, Fortune.PAID) if number % 2 else GiveBack(key)
            for number, key in enumerate(world.keys)
        ]
        out: list[Operation] = [PayOut(None, fortune) for _ in range(FIFTY - len(back))]
        await at_once(
            world, *(one for pair in zip(out, back, strict=False) for one in pair), *out[10:]
        )
        paid_out = world.model.payouts
        assert 0 < paid_out <= 320_000
        assert world.model.surplus >= 0
        await world.step(Act(0, EndPayments(world.mint(FIRST))))

    run(race)


def test_s12_one_invoice_is_one_credit(run: Run) -> None:
    async def race(world: World) -> None:
        (made,) = await world.step(Act(0, Ordering(None, 100)))
        invoice: UserInvoice = made.value
        network = world.ground.network
        await world.step(Act(0, PayInvoice(invoice, network)))
        answers = await at_once(world, *(AskInvoice(invoice, network) for _ in range(FIFTY)))
        told = {answer.value.status for answer in answers if answer.value is not None}
        assert told <= {Status.PAID, Status.SETTLEMENT_PENDING, Status.PENDING}
        assert [it.net for it in world.model.deposits.values()] == [100_000]

    run(race)


def test_s12_one_token_is_one_payment_one_key_or_one_top_up(run: Run) -> None:
    async def race(world: World) -> None:
        await keys(world, 1)
        one = bought(world, 64, 32, 4)
        ways: list[Operation] = []
        for n in range(FIFTY):
            text = written(one, n)
            paying = Pay(one, text, 1_000, 50_000, 20_000, f"payment-{n}", stream=n % 4 > 1)
            ways.append(
                (paying, Receive(one, text, None), Receive(one, text, world.keys[0]))[n % 3]
            )
        answers = await at_once(world, *ways)
        served = [answer for answer in answers if isinstance(answer.value, Served)]
        assert len(served) <= 1
        assert sum(ys == one.ys for ys in world.model.deposits) == 1
        for act, answer in zip((Act(0, way) for way in ways), answers, strict=True):
            await learning.learn_key(world, act, answer)

    run(race)


def test_s12_the_change_of_one_payment_is_given_once(run: Run) -> None:
    async def race(world: World) -> None:
        await keys(world, 2)
        one = bought(world, 64, 32, 4)
        paying = Pay(one, written(one, 2), 1_000, 50_000, 20_001, "payment", lasts_s=1.0)
        claims = [ClaimChange(one, written(one, n)) for n in range(FIFTY)]
        await at_once(world, paying, *claims)
        again = await at_once(world, *claims)
        given = {answer.value.token for answer in again if answer.value is not None}
        assert len(given) == 1

    run(race)
