"""Tokens while deposits are closed, or not yet open: refused, and still their owner's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth.service import Authenticator, KeyCompletion
from routstr.errors import DepositsClosed
from routstr.ledger import books, verdict
from routstr.ledger.checkpoint import Checkpoint
from routstr.payment.deposits import TOPUP, TopupCompletion
from routstr.payment.intake import Intake
from routstr.payment.used_tokens import CREATE
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from tests.unit.wallet.world import KEY, World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        world.house.wallet.register(CREATE, KeyCompletion(world.clock))
        world.house.wallet.register(TOPUP, TopupCompletion(world.clock))
        yield world


class Gate:
    """Counts who asks to be admitted; lets them in once it is open."""

    def __init__(self) -> None:
        self.asked = 0
        self.opened = asyncio.Event()
        self.opened.set()

    async def __call__(self) -> None:
        self.asked += 1
        await self.opened.wait()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def auth(world: World, gate: Gate) -> Authenticator:
    intake = Intake(world.house.wallet, world.clock, admitted=gate)
    return Authenticator(world.db, intake, KEY, world.clock)


async def close(world: World) -> None:
    await world.db.write(lambda tx: verdict.close(tx, 1, "sums"))


async def reopen(world: World) -> None:
    seen = await world.db.read(verdict.read)
    assert await world.db.write(lambda tx: verdict.prove(tx, seen, Checkpoint(), full_at=2))


async def untouched(world: World, text: str) -> bool:
    """Not spent at the mint, claimed by nobody, no secret of the node used for it."""
    ys = token.ys(token.decode(text))
    spent = set(await world.mint.check_state(ys)) != {ProofState.UNSPENT}
    claims = await world.scalar("SELECT count(*) FROM claimed_y WHERE y = :y", y=ys[0])
    return not spent and not claims


async def test_while_deposits_are_closed_no_token_is_taken_and_all_else_goes_on(
    world: World, auth: Authenticator
) -> None:
    before = token.encode_b(world.mint.token(8))
    payer = (await auth.create_api_key(before)).payer
    counters = await world.scalar("SELECT sum(counter) FROM keysets")
    text = token.encode_b(world.mint.token(4))
    await close(world)
    for attempt in (
        auth.create_api_key(text),
        auth.top_up(payer, text),
        auth.payer(f"Bearer {text}"),
    ):
        with pytest.raises(DepositsClosed):
            await attempt
    assert await untouched(world, text)
    assert await world.scalar("SELECT sum(counter) FROM keysets") == counters
    assert await world.scalar("SELECT count(*) FROM sagas") == 1
    assert await auth.payer(f"Bearer {payer.key}") == payer
    assert (await auth.create_api_key(before)).payer == payer, "it is a key already"

    await reopen(world)
    await auth.top_up(payer, text)
    balance = await world.db.read(lambda c: books.balance(c, payer.account))
    assert balance.available == 12_000
    await close(world)
    assert (await auth.top_up(payer, text)).account == payer.account, "the answer is repeated"


async def test_only_new_tokens_wait_to_be_admitted(
    world: World, auth: Authenticator, gate: Gate
) -> None:
    payer = (await auth.create_api_key(token.encode_b(world.mint.token(8)))).payer
    assert gate.asked == 1
    gate.opened.clear()
    assert await auth.validate_api_key(payer.key) == payer
    assert await auth.payer(f"Bearer {payer.key}") == payer
    assert gate.asked == 1
    text = token.encode_b(world.mint.token(4))
    waiting = asyncio.create_task(auth.payer(f"Bearer {text}"))
    await asyncio.sleep(0.05)
    assert await untouched(world, text)
    gate.opened.set()
    assert (await waiting).account != payer.account
