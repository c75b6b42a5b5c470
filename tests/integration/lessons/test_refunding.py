# ruff: noqa: N802 - a test is named after its lesson
"""Lessons about money that goes back to its owner."""

import asyncio

import pytest

from devkit.faults import Answer, Fault, Forward, garbage, lost, refusal
from routstr.core.clock import SystemClock
from routstr.errors import (
    BalanceTooSmall,
    KeyExpired,
    MintRefused,
    NothingToRefund,
    RedemptionPending,
)
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.mint_errors import MintCode
from routstr.wallet.mint_types import ProofState
from tests.integration.lessons.conftest import Scene
from tests.integration.lessons.sabotage import refused
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client, Reply

SWAP, RESTORE = "/v1/swap", "/v1/restore"
BUSY = "SELECT count(*) FROM proofs WHERE status = 1"


def held(gate: asyncio.Event, reached: asyncio.Event, *, handled: bool) -> Fault:
    """Keep the node waiting, before or after the mint has handled the call."""

    async def play(forward: Forward) -> Answer:
        answer = await forward() if handled else None
        reached.set()
        await gate.wait()
        return answer or await forward()

    return play


async def spend(client: Client, key: str) -> int:
    """One request; a balance that was whole needs change from then on. What it cost."""
    reply = await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    assert reply.cost == EXACT_MSAT
    return reply.cost


def told(reply: Reply) -> tuple[str, int]:
    """Unit and face value of the token in an answer."""
    assert reply.status == 200, reply.body
    unit = reply.json["unit"]
    return unit, int(reply.json["sats" if unit == "sat" else "msats"])


DEAREST_MSAT = 10_000
"""What the mints may keep of a refund in parts."""


async def test_A6_change_that_the_mint_does_not_make_stays_as_balance(
    scene: Scene, client: Client
) -> None:
    key, _ = await scene.key_that_needs_change()
    before, _ = await client.balance(key)
    scene.mint.proxy.reset()
    scene.mint.proxy.plan(SWAP, refusal(MintCode.TOO_MANY_INPUTS, handled=False), lasting=True)
    given: dict[str, int] = {}
    left = before
    for asked in range(4):
        if asked == 3:
            scene.mint.proxy.reset()
        reply = await client.refund(key)
        left, _ = await client.balance(key)
        if reply.status == 200:  # of another mint that has some
            tokens = reply.json["tokens"]
            given |= {one["token"]: int(Unit(one["unit"]).to_msat(one["amount"])) for one in tokens}
        else:
            assert reply.error[2] == MintRefused.code
        assert before - DEAREST_MSAT <= left + sum(given.values()) <= before
    assert left < 1_000
    assert given


async def test_A7_refunds_that_fail_leave_no_ecash_set_aside(scene: Scene, client: Client) -> None:
    key, _ = await scene.key_that_needs_change()
    before = await scene.liquid(scene.mint)
    scene.mint.proxy.reset()
    scene.mint.proxy.plan(SWAP, refusal(MintCode.TOO_MANY_INPUTS, handled=False), lasting=True)
    paid: dict[str, int] = {}  # what other mints leave to pay may match proofs that are held
    for _ in range(5):
        reply = await client.refund(key)
        if reply.status == 200:
            here = (scene.mint.url, Unit.SAT)  # as is counted before and afterwards
            tokens = [one for one in reply.json["tokens"] if (one["mint"], one["unit"]) == here]
            paid |= {one["token"]: one["amount"] for one in tokens}
    assert scene.mint.calls(SWAP) >= 1
    assert await scene.number(BUSY) == 0
    assert await scene.liquid(scene.mint) + sum(paid.values()) == before


async def test_A8_an_expired_key_keeps_its_money_until_its_owner_asks(
    scene: Scene, client: Client
) -> None:
    clock = SystemClock()
    expires = clock.now_ms() // 1_000 + 2
    made = await client.create(await scene.mint.payer.token(7), validity_date=expires)
    key = made.json["api_key"]
    await asyncio.sleep(expires - clock.now_ms() / 1_000 + 0.1)
    assert (await client.chat(key)).error[2] == KeyExpired.code
    info = (await client.info(key)).json
    assert (info["balance"], info["validity_date"]) == (7_000, expires)
    assert told(await client.refund(key)) == ("sat", 7)


async def test_issue_6_what_is_below_one_sat_is_balance_and_no_error(
    scene: Scene, client: Client
) -> None:
    key = await scene.key(3)
    await spend(client, key)
    whole = await client.refund(key)
    assert told(whole) == ("sat", 2)
    await scene.mint.payer.redeem(whole.json["token"])
    rest = 1_000 - EXACT_MSAT
    assert await client.balance(key) == (rest, 0)

    small = await client.refund(key)
    assert small.error == (400, BalanceTooSmall.type, BalanceTooSmall.code)
    await spend(client, key)
    assert await client.balance(key) == (rest - EXACT_MSAT, 0)
    await client.topup(key, await scene.mint.payer.token(1))
    assert told(await client.refund(key)) == ("sat", (1_000 + rest - EXACT_MSAT) // 1_000)


async def test_issue_124_sat_and_msat_are_never_taken_for_each_other(
    scene: Scene, client: Client
) -> None:
    for unit, one in ((Unit.SAT, 1_000), (Unit.MSAT, 1)):
        text, msat = await scene.mint.payer.token(96, unit), 96 * one
        made = (await client.create(text)).json
        assert (made["credited"], made["gross"]) == (msat, msat)
        await spend(client, made["api_key"])
        reply = await client.refund(made["api_key"])
        assert told(reply) == (unit.value, (msat - EXACT_MSAT) // one)
        assert reply.json["balance"] == (msat - EXACT_MSAT) % one
        assert await scene.mint.payer.redeem(reply.json["token"]) == told(reply)[1]


async def test_issue_132_a_refund_comes_from_where_the_money_went(
    scene: Scene, client: Client
) -> None:
    places = [(shop, unit) for shop in (scene.mint, scene.other) for unit in Unit]
    keys = [await scene.key(96, unit, shop=shop) for shop, unit in places]
    for key in keys:
        await spend(client, key)
    for key, (shop, unit) in zip(keys, places, strict=True):
        reply = await client.refund(key)
        given = token.decode(reply.json["token"])
        assert (given.mint, given.unit) == (shop.url, unit)
        assert (reply.json["mint"], reply.json["unit"]) == (shop.url, unit)
        assert await shop.payer.redeem(reply.json["token"]) == given.amount


async def test_issue_308_a_balance_that_no_single_mint_can_pay_comes_in_parts(
    scene: Scene, client: Client
) -> None:
    most = max([await scene.liquid(shop) for shop in scene.shops])
    key = await scene.key(most + 50)
    await client.topup(key, await scene.other.payer.token(most + 70))
    reply = await client.refund(key)
    parts = reply.json["tokens"]
    assert len({part["mint"] for part in parts}) >= 2
    assert reply.json["refunded_msats"] + reply.json["mint_fee"] == (2 * most + 120) * 1_000
    for part in parts:
        shop = next(one for one in scene.shops if one.url == part["mint"])
        assert await shop.payer.redeem(part["token"]) == part["amount"]
    reply = await client.refund(key)
    assert reply.error == (400, NothingToRefund.type, NothingToRefund.code)


async def test_issue_378_after_a_top_up_a_refund_is_a_new_token(
    scene: Scene, client: Client
) -> None:
    key = await scene.key(9)
    first = await client.refund(key)
    assert (await client.refund(key)).json["token"] == first.json["token"]
    await client.topup(key, await scene.mint.payer.token(5))
    second = await client.refund(key)
    assert (told(second), second.json["repeated"]) == (("sat", 5), False)
    redeemed = [await scene.mint.payer.redeem(one.json["token"]) for one in (first, second)]
    assert redeemed == [9, 5]


async def test_issue_412_every_refund_of_a_cycle_is_good_and_its_history_stays(
    scene: Scene, client: Client
) -> None:
    key = await scene.key(10)
    first = (await client.info(key)).json
    for amount in (10, 20, 30):
        reply = await client.refund(key)
        assert told(reply) == ("sat", amount)
        assert set(await scene.mint.payer.states(reply.json["token"])) == {ProofState.UNSPENT}
        await scene.mint.payer.redeem(reply.json["token"])
        assert (await client.refund(key)).error[2] == NothingToRefund.code
        await client.topup(key, await scene.mint.payer.token(amount + 10))

    last = (await client.info(key)).json
    assert (last["id"], last["created_at"]) == (first["id"], first["created_at"])
    assert last["total_deposited"] == 100_000
    moved = [(one["kind"], one["amount"]) for one in await client.history(key)]
    cycle = [("deposit", 40_000), ("refund", -30_000), ("deposit", 30_000), ("refund", -20_000)]
    assert moved == [*cycle, ("deposit", 20_000), ("refund", -10_000), ("deposit", 10_000)]


async def test_issue_462_a_top_up_during_a_refund_is_lost_to_nobody(
    scene: Scene, client: Client
) -> None:
    key, owed = await scene.key_that_needs_change()
    text = await scene.mint.payer.token(8)
    gate, reached = asyncio.Event(), asyncio.Event()
    scene.mint.proxy.reset()
    scene.mint.proxy.plan(SWAP, held(gate, reached, handled=False))
    refunding = asyncio.create_task(client.refund(key))
    await reached.wait()
    topped = await client.topup(key, text)
    gate.set()

    assert told(await refunding) == ("sat", owed)
    assert (topped.status, topped.json["msats"]) == (200, 8_000)
    assert await client.balance(key) == (9_000 - EXACT_MSAT, 0)
    await spend(client, key)


async def test_issue_462_a_refund_during_a_top_up_leaves_a_key_that_works(
    scene: Scene, client: Client
) -> None:
    key = await scene.key(24)
    text = await scene.mint.payer.token(8)
    gate, reached = asyncio.Event(), asyncio.Event()
    scene.mint.proxy.reset()
    scene.mint.proxy.plan(SWAP, held(gate, reached, handled=True))
    topping = asyncio.create_task(client.topup(key, text))
    await reached.wait()
    refund = await client.refund(key)
    gate.set()

    assert told(refund) == ("sat", 24)
    assert (await topping).json["msats"] == 8_000
    await spend(client, key)
    assert await client.balance(key) == (8_000 - EXACT_MSAT, 0)


async def test_issue_590_a_refund_under_way_is_pending_and_never_unknown(
    scene: Scene, client: Client
) -> None:
    key, owed = await scene.key_that_needs_change()
    scene.mint.proxy.reset()
    scene.mint.proxy.plan(SWAP, lost(handled=True))
    scene.mint.proxy.plan(RESTORE, garbage(handled=False), lasting=True)
    for _ in range(3):
        pending = await client.refund(key)
        assert pending.error == (503, RedemptionPending.type, RedemptionPending.code)
        assert int(pending.headers["Retry-After"]) >= 1
    scene.mint.proxy.reset()
    reply = await client.refund(key)
    assert told(reply) == ("sat", owed)
    assert await scene.mint.payer.redeem(reply.json["token"]) == owed


@pytest.mark.parametrize("exact", [True, False], ids=["as it is", "swapped"])
async def test_pr_620_no_token_leaves_that_is_not_stored(
    scene: Scene, client: Client, exact: bool
) -> None:
    if exact:
        key, owed = await scene.key(24), 24
    else:
        key, owed = await scene.key_that_needs_change()
    scene.mint.proxy.reset()
    with refused(scene.house.database_url, "INSERT", "issued_tokens"):
        failed = await client.refund(key)
        assert failed.status >= 500
        assert b"cashuB" not in failed.body
    assert scene.mint.calls(SWAP) == (0 if exact else 1)
    reply = await client.refund(key)
    assert told(reply) == ("sat", owed)
    assert await scene.mint.payer.redeem(reply.json["token"]) == owed


async def test_pr_627_ecash_is_set_aside_only_while_an_open_saga_spends_it(
    scene: Scene, client: Client
) -> None:
    key, owed = await scene.key_that_needs_change()
    before = await scene.liquid(scene.mint)
    gate, reached = asyncio.Event(), asyncio.Event()
    scene.mint.proxy.reset()
    scene.mint.proxy.plan(SWAP, held(gate, reached, handled=False))
    refunding = asyncio.create_task(client.refund(key))
    await reached.wait()
    aside = await scene.house.rows(
        "SELECT p.amount, s.state FROM proofs p JOIN sagas s ON s.id = p.saga WHERE p.status = 1"
    )
    liquid = await scene.liquid(scene.mint)
    gate.set()
    assert told(await refunding) == ("sat", owed)
    assert aside == [(owed + 1, 0)]
    assert liquid == before - owed - 1
    assert await scene.number(BUSY) == 0
    assert await scene.liquid(scene.mint) == before - owed
