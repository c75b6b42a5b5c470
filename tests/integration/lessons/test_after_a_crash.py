# ruff: noqa: N802 - a test is named after its lesson
"""Lessons about what a crash, and a long time, leave behind.

Four users and one crash. Two were told a token that they have not redeemed; of the third the mint
has signed the refund, of the fourth it has not heard. Then half a year goes by, the node starts,
and nobody asks it for anything until it has cleaned up by itself.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import aiohttp
import pytest_asyncio
from sqlalchemy import NullPool, create_engine, text

from devkit.faults import Answer, Forward, Lost, killing
from routstr.wallet.mint_types import ProofState
from tests.integration.lessons.conftest import Scene
from tests.integration.money.house import Client

SWAP, CHECK = "/v1/swap", "/v1/checkstate"
HALF_A_YEAR_MS: Final = 190 * 86_400_000
_CREATED: Final = ("accounts", "api_keys", "sagas", "issued_tokens")


@dataclass(frozen=True, slots=True)
class User:
    """``owed`` is what a refund is worth, in sat; ``token`` was told before the crash."""

    key: str
    owed: int
    token: str = ""


@dataclass(frozen=True, slots=True)
class Night:
    """The users, and how many proofs were set aside when the node was dead."""

    told: User
    forgotten: User
    signed: User
    unheard: User
    set_aside: int


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def night(shared_scene: Scene) -> AsyncIterator[Night]:
    scene, proxy = shared_scene, shared_scene.mint.proxy
    told, forgotten = [await refunded(scene, 16) for _ in range(2)]
    unheard, signed = [User(*await scene.key_that_needs_change()) for _ in range(2)]
    await crash(scene, unheard=unheard, signed=signed)
    set_aside = await scene.number("SELECT count(*) FROM proofs WHERE status = 1")
    grow_old(scene.house.database_url)
    proxy.reset()
    await scene.house.node.restart()
    async with asyncio.timeout(15):
        while not await rested(scene):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
    yield Night(told, forgotten, signed, unheard, set_aside)


async def refunded(scene: Scene, amount: int) -> User:
    key = await scene.key(amount)
    return User(key, amount, (await scene.client.refund(key)).json["token"])


async def crash(scene: Scene, *, unheard: User, signed: User) -> None:
    """Two refunds are under way; the node dies when the mint has carried out one of them."""
    gate, reached = asyncio.Event(), asyncio.Event()

    async def never_arrives(_: Forward) -> Answer:
        reached.set()
        await gate.wait()
        raise Lost

    def kill() -> None:
        scene.house.node.kill()

    scene.mint.proxy.reset()
    scene.mint.proxy.plan(SWAP, never_arrives)
    scene.mint.proxy.plan(SWAP, killing(kill, handled=True), number=2)
    first = asyncio.create_task(scene.client.refund(unheard.key))
    await reached.wait()
    second = asyncio.create_task(scene.client.refund(signed.key))
    ends = await asyncio.gather(first, second, return_exceptions=True)
    gate.set()
    assert all(isinstance(end, aiohttp.ClientError) for end in ends), ends
    assert not scene.house.node.running


def grow_old(url: str) -> None:
    """Let everything have happened half a year ago."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        for table in _CREATED:
            back = f"UPDATE {table} SET created_at = created_at - {HALF_A_YEAR_MS}"
            connection.execute(text(back))


async def rested(scene: Scene) -> bool:
    """Whether the node has finished what was open and looked after the tokens that it gave out."""
    open_sagas = await scene.number("SELECT count(*) FROM sagas WHERE state = 0")
    return not open_sagas and scene.mint.calls(CHECK) > 2


async def test_issue_376_a_refund_that_was_told_is_told_again_after_a_crash(
    scene: Scene, client: Client, night: Night
) -> None:
    again = (await client.refund(night.told.key)).json
    assert (again["token"], again["repeated"]) == (night.told.token, True)
    assert await scene.mint.payer.redeem(again["token"]) == night.told.owed


async def test_A_refund_sequence_cut_between_debit_and_token_ends_with_the_token(
    scene: Scene, client: Client, night: Night
) -> None:
    """The debit was on the disk, the proofs were at the mint only."""
    reply = (await client.refund(night.signed.key)).json
    assert (reply["sats"], reply["repeated"]) == (str(night.signed.owed), True)
    assert await scene.mint.payer.redeem(reply["token"]) == night.signed.owed
    moved = [one["kind"] for one in await client.history(night.signed.key)]
    assert moved == ["refund", "charge", "deposit"]


async def test_pr_627_ecash_that_a_crash_left_set_aside_is_free_again_or_given_away(
    scene: Scene, client: Client, night: Night
) -> None:
    assert night.set_aside >= 2
    assert await scene.number("SELECT count(*) FROM proofs WHERE status = 1") == 0
    reply = (await client.refund(night.unheard.key)).json
    assert reply["sats"] == str(night.unheard.owed)
    assert await scene.mint.payer.redeem(reply["token"]) == night.unheard.owed


async def test_A_uncollected_refund_stays_its_owners_however_old_it_is(
    scene: Scene, client: Client, night: Night
) -> None:
    user = night.forgotten
    assert set(await scene.mint.payer.states(user.token)) == {ProofState.UNSPENT}
    owed = await scene.number("SELECT posted FROM accounts WHERE name = 'unclaimed'")
    assert owed >= 1_000 * user.owed
    again = (await client.refund(user.key)).json
    assert (again["token"], again["repeated"]) == (user.token, True)
    assert await scene.mint.payer.redeem(user.token) == user.owed
