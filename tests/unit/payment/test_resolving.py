"""An order to find out, beside what the command's own tests say of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from routstr.payment.resolving import Resolver
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.overview import open_movements
from routstr.wallet.service import Wallet
from tests.unit.payment.lightning import BOB, FIRST, Desk, open_desk
from tests.unit.wallet.paying_mint import fail


def resolver(desk: Desk, asked: list[tuple[str, ...]], *listed: str) -> Resolver:
    @asynccontextmanager
    async def wallet(unlisted: tuple[str, ...]) -> AsyncIterator[Wallet]:
        asked.append(unlisted)
        yield desk.house.wallet

    return Resolver(desk.world.db, wallet, listed, False, 60.0)


async def test_a_payment_without_an_answer_is_asked_about_and_ended(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.earn(await desk.account(512), 200)
        desk.mint().next_melts(fail(MintUnclear("no answer")), fail(MintUnclear("no answer")))
        await desk.payouts.to_address(BOB, 50, None)
        waiting = await desk.world.db.read(open_movements)
        asked: list[tuple[str, ...]] = []
        (answer,) = await resolver(desk, asked, FIRST).resolve(waiting)
        assert (answer.is_open, answer.why, asked) == (False, "", [()])


async def test_a_mint_off_the_list_is_spoken_to_by_order(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        asked: list[tuple[str, ...]] = []
        await desk.earn(await desk.account(512), 200)
        desk.mint().next_melts(fail(MintUnclear("no answer")), fail(MintUnclear("no answer")))
        await desk.payouts.to_address(BOB, 50, None)
        await resolver(desk, asked).resolve(await desk.world.db.read(open_movements))
        assert asked == [(FIRST,)]
