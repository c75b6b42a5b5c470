"""Fifty at once over Lightning, at two nodes on one database: paid once, credited once.

What came in by tokens and invoices is what the key has left, what left over Lightning with its
fees, what the tokens that it was given bring, and what requests cost. Afterwards the books are
verified.
"""

from collections.abc import Iterable
from typing import Final

import pytest

from devkit.lnurl import LnurlServer
from routstr.errors import (
    BalanceChanged,
    BalanceTooSmall,
    InsufficientBalance,
    InsufficientLiquidity,
    MintUnreachable,
    NothingToRefund,
    RefundBlocked,
    RefundUnderWay,
)
from tests.integration.money.conftest import Purse
from tests.integration.money.house import EXACT, EXACT_LIMIT, Reply
from tests.integration.money.lightning import refund
from tests.integration.money.test_lightning_in import ask, recover, status, until
from tests.integration.money.test_parallel import (
    FIFTY,
    Crowd,
    at_once,
    crowd,
    nodes,
    paid,
    postgres_neighbour,
    redeemed,
    refusals,
    sqlite_neighbour,
)

__all__ = ["crowd", "nodes", "postgres_neighbour", "sqlite_neighbour"]

pytestmark = pytest.mark.parametrize("nodes", ["two nodes"], indirect=True)

LATER: Final = {
    *(BalanceChanged.code, BalanceTooSmall.code, NothingToRefund.code),
    *(InsufficientLiquidity.code, RefundBlocked.code, RefundUnderWay.code),
    MintUnreachable.code,  # a mint may be slow while so many ask it
}
"""Refusals of a refund that change nothing."""


def left(replies: Iterable[Reply]) -> dict[str, int]:
    """What these refunds over Lightning took from the key, with their fees, in msat; each once."""
    told = [reply.json for reply in replies if reply.status == 200 and b"recipient" in reply.body]
    return {
        one["refund_id"]: int(one["msats"]) + one["mint_fee"] + one["lightning_fee"] for one in told
    }


async def test_one_invoice_is_one_credit(crowd: Crowd) -> None:
    made = (await ask(crowd[0], 11)).json
    replies = await at_once(
        recover(crowd[n // 2], made["bolt11"])
        if n % 2
        else status(crowd[n // 2], made["invoice_id"])
        for n in range(FIFTY)
    )
    assert {reply.status for reply in replies} == {200}
    key = (await until(crowd[1], made["invoice_id"]))["api_key"]
    told = {reply.json.get("api_key") for reply in replies[::2]}
    assert told <= {None, key}
    assert await crowd.balance(key) == 11_000
    assert [one["amount"] for one in await crowd[0].history(key)] == [11_000]


async def test_fifty_refunds_are_one_payment(crowd: Crowd, purse: Purse, bob: LnurlServer) -> None:
    key = await crowd[0].new_key(await purse.token(500))
    replies = await at_once(refund(crowd[n], key, bob.address) for n in range(FIFTY))
    assert refusals(replies) <= LATER
    ((_, gone),) = left(replies).items()
    assert gone + await crowd.balance(key) == 500_000
    kinds = [one["kind"] for one in await crowd[1].history(key)]
    assert kinds.count("lightning_refund") == 1


async def test_refunds_as_a_token_and_over_lightning(
    crowd: Crowd, purse: Purse, bob: LnurlServer
) -> None:
    """What a payment's reserve leaves may follow as a token, no msat leaves both ways."""
    key = await crowd[0].new_key(await purse.token(500))
    replies = await at_once(
        crowd[n // 2].refund(key) if n % 2 else refund(crowd[n // 2], key, bob.address)
        for n in range(FIFTY)
    )
    assert refusals(replies) <= LATER
    gone = sum(left(replies).values()) + await redeemed(purse, replies)
    assert gone + await crowd.balance(key) == 500_000


async def test_refunds_against_requests(crowd: Crowd, purse: Purse, bob: LnurlServer) -> None:
    key = await crowd[0].new_key(await purse.token(500))
    replies = await at_once(
        refund(crowd[n // 2], key, bob.address)
        if n % 2
        else crowd[n // 2].chat(key, EXACT, max_tokens=EXACT_LIMIT)
        for n in range(FIFTY)
    )
    assert refusals(replies) <= LATER | {InsufficientBalance.code}
    replies.append(await refund(crowd[1], key, bob.address))
    gone = sum(left(replies).values()) + paid(replies)
    assert gone + await crowd.balance(key) == 500_000


async def test_refunds_against_top_ups(crowd: Crowd, purse: Purse, bob: LnurlServer) -> None:
    """Twenty-five invoices are paid while the balance leaves again and again."""
    key = await crowd[0].new_key(await purse.token(100))
    made = [await ask(crowd[n], 7, key=key, purpose="topup") for n in range(FIFTY // 2)]
    invoices = [reply.json["invoice_id"] for reply in made]
    replies = await at_once(
        refund(crowd[n // 2], key, bob.address)
        if n % 2
        else status(crowd[n // 2], invoices[n // 2])
        for n in range(FIFTY)
    )
    assert refusals(replies) <= LATER
    for invoice in invoices:
        await until(crowd[1], invoice)
    replies.append(await crowd[1].refund(key))
    gone = sum(left(replies).values()) + await redeemed(purse, replies)
    assert gone + await crowd.balance(key) == 100_000 + 7_000 * len(invoices)
