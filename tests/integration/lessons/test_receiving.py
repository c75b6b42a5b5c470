# ruff: noqa: N802 - a test is named after its lesson
"""Lessons about money that comes in: keys, top-ups, tokens used as keys."""

import asyncio
from dataclasses import replace
from typing import Any

from devkit.faults import Answer, Forward, garbage, lost, refusal
from devkit.ports import LOOPBACK
from routstr.errors import (
    InsufficientBalance,
    RedemptionPending,
    TokenAlreadySpent,
    TokenBelowMinimum,
    UntrustedMint,
)
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.mint_errors import MintCode
from routstr.wallet.mint_types import ProofState
from tests.integration.lessons.conftest import Scene, only_sat
from tests.integration.lessons.sabotage import refused
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client

SWAP, CHECK, RESTORE = "/v1/swap", "/v1/checkstate", "/v1/restore"
OPEN, DONE = 0, 1


def recoded(text: str) -> str:
    """The same proofs in the other encoding."""
    given = token.decode(text)
    return token.encode_b(given) if text.startswith("cashuA") else token.encode_a(given)


async def test_A5_the_row_is_there_before_the_mint_hears_of_the_token(
    scene: Scene, client: Client
) -> None:
    text = await scene.mint.payer.token(21)
    last = await scene.number("SELECT coalesce(max(id), 0) FROM sagas")
    seen: list[tuple[Any, ...]] = []

    async def look(forward: Forward) -> Answer:
        seen.extend(
            await scene.house.rows(
                "SELECT s.state, s.gross, (SELECT count(*) FROM claimed_y WHERE saga = s.id)"
                f" FROM sagas s WHERE id > {last}"
            )
        )
        return await forward()

    scene.mint.proxy.reset()
    scene.mint.proxy.plan(SWAP, look)
    assert (await client.create(text)).json["credited"] == 21_000
    assert seen == [(OPEN, 21, len(token.decode(text).proofs))]


async def test_A5_a_credit_that_cannot_be_stored_after_redemption_is_made_later(
    scene: Scene, client: Client
) -> None:
    text = await scene.mint.payer.token(21)
    keys = await scene.number("SELECT count(*) FROM api_keys")
    with refused(scene.house.database_url, "INSERT", "api_keys", when="NEW.account > 0"):
        failed = await client.create(text)
        assert failed.status >= 500
        assert set(await scene.mint.payer.states(text)) == {ProofState.SPENT}
        assert await scene.number("SELECT count(*) FROM api_keys") == keys
        assert await scene.number(f"SELECT count(*) FROM sagas WHERE state = {OPEN}") == 1

    made = await client.create(text)
    assert (made.status, made.json["balance"]) == (200, 21_000)
    assert (await client.refund(made.json["api_key"])).json["sats"] == "21"


async def test_issue_41_a_token_is_credited_once_however_often_and_wherever_it_is_given(
    scene: Scene, client: Client
) -> None:
    text = await scene.mint.payer.token(21)
    scene.mint.proxy.plan(SWAP, lost(handled=True))  # the mint did it, and nobody heard
    made = await asyncio.gather(*(client.create(text) for _ in range(6)))
    made.append(await client.create(text))
    key = made[0].json["api_key"]
    assert {reply.json["api_key"] for reply in made} == {key}
    assert made[-1].json["credited"] is None
    assert (await client.topup(key, text)).error[2] == TokenAlreadySpent.code
    assert (await client.chat(text, EXACT, max_tokens=EXACT_LIMIT)).cost == EXACT_MSAT

    info = (await client.info(key)).json
    assert (info["total_deposited"], info["balance"]) == (21_000, 21_000 - EXACT_MSAT)
    assert [one["kind"] for one in await client.history(key)] == ["charge", "deposit"]


async def test_A_same_proofs_in_a_second_encoding_are_the_same_key(
    scene: Scene, client: Client
) -> None:
    first = await scene.mint.payer.token(21, form="A")
    made = (await client.create(first)).json
    second = recoded(first)
    assert second != first
    again = await client.create(second)
    assert (again.status, again.json["api_key"]) == (200, made["api_key"])
    assert await client.balance(second) == (21_000, 0)

    key = await scene.key(1)
    topup = await scene.mint.payer.token(4, form="B")
    answers = [(await client.topup(key, text)).json for text in (topup, recoded(topup))]
    assert answers[0] == answers[1]
    assert await client.balance(key) == (5_000, 0)


async def test_A_small_bearer_token_is_not_redeemed(scene: Scene, client: Client) -> None:
    text = await scene.mint.payer.token(1)
    rows = await scene.number("SELECT count(*) FROM sagas")
    reply = await client.chat(text, max_tokens=500)
    assert reply.error == (402, TokenBelowMinimum.type, TokenBelowMinimum.code)
    assert reply.json["error"]["details"]["token_msat"] == 1_000
    assert await scene.number("SELECT count(*) FROM sagas") == rows
    assert await scene.mint.payer.redeem(text) == 1


async def test_issue_379_the_mints_fee_is_told_with_every_deposit(
    scene: Scene, client: Client
) -> None:
    payer = scene.dear.payer
    first, second = await payer.token(4_200), await payer.token(1_000)
    fees = [1_000 * await payer.fee(text) for text in (first, second)]
    assert min(fees) > 0

    made = (await client.create(first)).json
    assert (made["gross"], made["mint_fee"]) == (4_200_000, fees[0])
    assert made["credited"] == made["balance"] == 4_200_000 - fees[0]
    more = (await client.topup(made["api_key"], second)).json
    assert (more["gross"], more["mint_fee"]) == (1_000_000, fees[1])
    assert more["msats"] == more["balance"] - made["balance"] == 1_000_000 - fees[1]


async def test_issue_418_every_listed_mint_is_a_home_mint_and_nothing_vanishes(
    scene: Scene, client: Client
) -> None:
    before = await scene.liquid(scene.other)
    text = await scene.other.payer.token(200)
    for shop in scene.shops:
        shop.proxy.reset()
    made = (await client.create(text)).json

    assert (made["credited"], made["mint_fee"]) == (200_000, 0)
    assert made["mint"] == scene.other.url
    assert await scene.liquid(scene.other) == before + 200
    assert scene.other.calls(SWAP) == 1
    elsewhere = {call.path for call in (*scene.mint.proxy.calls, *scene.dear.proxy.calls)}
    assert SWAP not in elsewhere
    assert not [call.path for call in scene.other.proxy.calls if "melt" in call.path]


async def test_commit_ecd4697_what_is_credited_is_what_the_outputs_are_worth(
    scene: Scene, client: Client
) -> None:
    for unit in Unit:
        before = await scene.liquid(scene.dear, unit)
        text = await scene.dear.payer.token(3_000, unit)
        made = (await client.create(text)).json
        arrived = await scene.liquid(scene.dear, unit) - before
        assert made["balance"] == made["credited"] == unit.to_msat(arrived)
        assert arrived < 3_000, "the mint has taken its fee"


async def test_issue_380_a_foreign_mints_token_is_refused_before_anybody_is_asked(
    scene: Scene, client: Client
) -> None:
    visits: list[object] = []
    server = await asyncio.start_server(lambda *visit: visits.append(visit), LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    text = await scene.mint.payer.token(180)
    foreign = token.encode_b(replace(token.decode(text), mint=f"http://{LOOPBACK}:{port}"))
    key = await scene.key(1)
    for reply in (await client.create(foreign), await client.topup(key, foreign)):
        assert reply.error == (400, UntrustedMint.type, UntrustedMint.code)
    server.close()
    assert visits == []
    assert await scene.mint.payer.redeem(text) == 180


async def test_code_11003_outputs_that_are_signed_already_are_restored_not_lost(
    scene: Scene, client: Client
) -> None:
    text = await scene.mint.payer.token(21)
    last = await scene.number("SELECT max(id) FROM proofs")
    scene.mint.proxy.reset()
    scene.mint.proxy.plan(SWAP, refusal(MintCode.OUTPUTS_SIGNED, handled=True))
    made = await client.create(text)
    assert (made.status, made.json["credited"]) == (200, 21_000)
    assert scene.mint.calls(RESTORE) == 1

    next_one = await client.create(await scene.mint.payer.token(11))
    assert (next_one.status, next_one.json["credited"]) == (200, 11_000), "on fresh counters"
    assert await scene.number(f"SELECT sum(amount) FROM proofs WHERE id > {last}") == 32


async def test_code_11003_what_others_pay_in_meanwhile_is_not_credited_by_a_recovery(
    scene: Scene, client: Client
) -> None:
    text = await scene.mint.payer.token(21)
    scene.mint.proxy.reset()
    scene.mint.proxy.plan(SWAP, lost(handled=True))
    scene.mint.proxy.plan(RESTORE, garbage(handled=False))
    pending = await client.create(text)
    assert pending.error[2] == RedemptionPending.code

    others = await scene.key(500)
    made = await client.create(text)
    assert (made.status, made.json["balance"]) == (200, 21_000)
    assert await client.balance(others) == (500_000, 0)


async def test_issue_497_a_keyset_that_is_new_is_looked_up_by_its_short_id(
    scene: Scene, client: Client
) -> None:
    """The mint is known without msat; then its keyset for msat comes up."""
    late, unit = scene.late, Unit.MSAT
    known = f"SELECT count(*) FROM keysets WHERE mint = '{late.url}' AND unit = '{unit}'"
    late.proxy.reset()
    text = await late.payer.token(4_000, unit, form="B")
    late.proxy.plan("/v1/keysets", only_sat, lasting=True)
    await scene.key(1, shop=late)
    assert await scene.number(known) == 0

    late.proxy.reset()
    (whole,) = {proof.keyset_id for proof in (await late.payer._read(text)).proofs}
    (short,) = {proof.keyset_id for proof in token.decode(text).proofs}
    assert whole.startswith(short)
    assert len(short) < len(whole)
    made = await client.create(text)
    assert (made.status, made.json["credited"]) == (200, 4_000)
    assert await scene.number(known) == 1


async def test_pr_672_a_dead_token_that_is_polled_does_not_wear_the_mint_out(
    scene: Scene, client: Client
) -> None:
    text = await scene.mint.payer.token(5)
    await scene.mint.payer.redeem(text)
    scene.mint.proxy.reset()
    replies = [await client.info((text, recoded(text))[n % 2]) for n in range(20)]
    replies.append(await client.create(text))
    assert {reply.error[2] for reply in replies} == {TokenAlreadySpent.code}
    assert scene.mint.calls(CHECK) == 1
    assert scene.mint.calls(SWAP) == 0


async def test_pr_33_a_key_without_money_is_still_a_key(scene: Scene, client: Client) -> None:
    key = await scene.key(1)
    taken = await client.refund(key)
    assert taken.status == 200
    await scene.mint.payer.redeem(taken.json["token"])

    assert (await client.info(key)).json["balance"] == 0
    assert (await client.chat(key)).error[2] == InsufficientBalance.code
    assert (await client.refund(key)).message == "No balance to refund."
    assert (await client.topup(key, await scene.mint.payer.token(3))).status == 200
    assert (await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)).status == 200
