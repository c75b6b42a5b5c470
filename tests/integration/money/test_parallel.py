"""Fifty at once, at one node and at two nodes on one database.

Whoever comes first, nobody pays or is paid twice: what the key has left and what the tokens that
it was given bring at the mint is what was paid in less what was spent. After each race the books
are verified.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio

from devkit.node import Node
from devkit.payer import Payer
from routstr.errors import (
    BalanceChanged,
    InsufficientBalance,
    InsufficientLiquidity,
    NothingToRefund,
    RefundBlocked,
    TokenAlreadySpent,
)
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from routstr.wallet.proofs import TokenProof
from routstr.wallet.token import Token
from tests.integration.money.conftest import Purse
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client, House, Reply

FIFTY: Final = 50
in_msat = pytest.mark.parametrize("purse", [("mint", Unit.MSAT)], indirect=True)


@asynccontextmanager
async def neighbour(house: House, folder: Path) -> AsyncIterator[Client]:
    """A client of one more node on a house's database."""
    settings = {**house.node.settings, "LOG_DIR": str(folder / "logs")}
    node = await Node.start(folder / "node", settings, name="second node")
    try:
        yield Client(house.client._session, node.url)
    finally:
        await node.stop(grace_s=5)


@asynccontextmanager
async def patient(clients: Sequence[Client]) -> AsyncIterator[Sequence[Client]]:
    """The same clients without kept connections, fifty of which a node may close as they begin."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        fresh = [Client(session, client.url) for client in clients]
        for client in fresh:
            client.secrets = clients[0].secrets  # must not be logged either
        yield fresh


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sqlite_neighbour(
    sqlite_house: House, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    async with neighbour(sqlite_house, tmp_path_factory.mktemp("sqlite-neighbour")) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def postgres_neighbour(
    postgres_house: House, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    async with neighbour(postgres_house, tmp_path_factory.mktemp("postgres-neighbour")) as client:
        yield client


@dataclass(frozen=True, slots=True)
class Crowd:
    """Clients of one node or of two."""

    clients: Sequence[Client]

    def __getitem__(self, number: int) -> Client:
        """Whom the client of this number asks: they take turns."""
        return self.clients[number % len(self.clients)]

    async def balance(self, key: str) -> int:
        """What is left, told alike by all; nothing is reserved any more."""
        told = {await client.balance(key) for client in self.clients}
        assert len(told) == 1
        left, reserved = told.pop()
        assert reserved == 0
        return left


@pytest.fixture(params=["one node", "two nodes"])
def nodes(request: pytest.FixtureRequest, house: House) -> Sequence[Client]:
    if request.param == "one node":
        return [house.client]
    database = request.node.callspec.params["shared_house"]
    return [house.client, request.getfixturevalue(f"{database}_neighbour")]


@pytest_asyncio.fixture(loop_scope="session")
async def crowd(nodes: Sequence[Client]) -> AsyncIterator[Crowd]:
    async with patient(nodes) as clients:
        yield Crowd(clients)


async def at_once(work: Iterable[Coroutine[Any, Any, Reply]]) -> list[Reply]:
    return list(await asyncio.gather(*work))


async def redeemed(purse: Purse, replies: Iterable[Reply]) -> int:
    """What these answers gave back, in msat: tokens at their face value, and fees for making them.

    Each token is redeemed once, at its own mint: where the money lay that was given back.
    """
    given = [reply.json for reply in replies if reply.status == 200 and "token" in reply.json]
    fees: dict[str, int] = {}
    for told in sorted(given, key=lambda told: len(told["tokens"])):
        texts = [one["token"] for one in told["tokens"]]
        fee = told["mint_fee"] - sum(fees.get(text, 0) for text in texts)
        fees |= dict.fromkeys((text for text in texts if text not in fees), 0)
        fees[texts[0]] += fee
    places: defaultdict[tuple[str, Unit], list[TokenProof]] = defaultdict(list)
    for one in map(token.decode, fees):
        places[one.mint, one.unit] += one.proofs
    for (mint, unit), proofs in places.items():
        async with Payer(mint) if mint != purse.mint.url else nullcontext(purse.payer) as payer:
            together = payer.write(proofs, unit)
            amount = sum(proof.amount for proof in proofs)
            assert await payer.redeem(together) == amount - await payer.fee(together)
    face = sum(int(one.unit.to_msat(one.amount)) for one in map(token.decode, fees))
    return face + sum(fees.values())


def paid(replies: Iterable[Reply]) -> int:
    """What the served requests among these cost, in msat."""
    return sum(reply.cost for reply in replies if reply.status == 200 and "choices" in reply.json)


def refusals(replies: Iterable[Reply]) -> set[str | int]:
    """The codes of those that were refused."""
    return {reply.error[2] for reply in replies if reply.status != 200}


def in_turn(text: str, number: int) -> str:
    """One token in changing encodings."""
    given = token.decode(text)
    return (token.encode_a, token.encode_b)[number // 2 % 2](given)


async def test_one_token_makes_one_key_in_every_encoding(crowd: Crowd, purse: Purse) -> None:
    text = await purse.token(300)
    replies = await at_once(
        (crowd[n].info if n % 5 == 0 else crowd[n].create)(in_turn(text, n)) for n in range(FIFTY)
    )
    assert {reply.status for reply in replies} == {200}
    (key,) = {reply.json["api_key"] for reply in replies}
    assert await crowd.balance(key) == 300_000
    assert [one["amount"] for one in await crowd[0].history(key)] == [300_000]
    assert await redeemed(purse, [await crowd[1].refund(key)]) == 300_000


async def test_one_token_tops_up_once(crowd: Crowd, purse: Purse) -> None:
    """The proofs of a token are the idempotency key of what is booked for it."""
    keys = [await crowd[n].new_key(await purse.token(1)) for n in range(2)]
    text = await purse.token(300)
    replies = await at_once(
        crowd[n].topup(keys[n % 5 == 0], in_turn(text, n)) for n in range(FIFTY)
    )
    good = [reply for reply in replies if reply.status == 200]
    assert refusals(replies) == {TokenAlreadySpent.code}
    assert {reply.json["msats"] for reply in good} == {300_000}
    assert len(good) in {FIFTY // 5, FIFTY - FIFTY // 5}, "those for one of the keys"
    assert sorted([await crowd.balance(key) for key in keys]) == [1_000, 301_000]


async def test_of_tokens_that_overlap_those_win_that_share_nothing(
    crowd: Crowd, purse: Purse
) -> None:
    """Ten proofs in a ring, ten tokens of three neighbours each, five of every token."""
    ring = token.decode(await purse.payer.token(40, pieces=[4] * 10)).proofs
    sets = [tuple((first + step) % 10 for step in range(3)) for first in range(10)]
    tokens = [purse.payer.write([ring[place] for place in one], Unit.SAT) for one in sets]
    replies = await at_once(crowd[n].create(in_turn(tokens[n % 10], n)) for n in range(FIFTY))

    assert refusals(replies) == {TokenAlreadySpent.code}
    won = {n % 10: reply.json["api_key"] for n, reply in enumerate(replies) if reply.status == 200}
    spent = [place for number in won for place in sets[number]]
    assert len(spent) == len(set(spent)) >= 3
    assert all(reply.status == 200 for n, reply in enumerate(replies) if n % 10 in won)
    assert [await crowd.balance(key) for key in won.values()] == [12_000] * len(won)

    states = await purse.payer.states(purse.payer.write(ring, Unit.SAT))
    gone = [place for place, state in enumerate(states) if state is ProofState.SPENT]
    assert gone == sorted(spent)
    rest = [proof for place, proof in enumerate(ring) if place not in spent]
    assert await purse.payer.redeem(purse.payer.write(rest, Unit.SAT)) == 40 - 4 * len(spent)


async def test_one_token_pays_for_one_request(crowd: Crowd, purse: Purse) -> None:
    """Without an ``Idempotency-Key``: in changing encodings, streamed and not."""
    text = await purse.token(100)
    replies = await at_once(
        crowd[n].pay(in_turn(text, n), EXACT, max_tokens=EXACT_LIMIT, stream=n % 3 == 0)
        for n in range(FIFTY)
    )
    assert Counter(reply.status for reply in replies) == {200: 1, 400: FIFTY - 1}
    assert refusals(replies) == {TokenAlreadySpent.code}
    claims = [await client.claim(text) for client in crowd.clients]
    assert len({claim.json["token"] for claim in claims}) == 1
    change = token.decode(claims[0].json["token"])
    assert (change.amount, change.unit) == (99, Unit.SAT)
    assert await purse.payer.redeem(claims[0].json["token"]) == 99


@in_msat
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
async def test_fifty_requests_with_the_money_of_ten_are_ten_answers(
    crowd: Crowd, purse: Purse, stream: bool
) -> None:
    key = await crowd[0].new_key(await purse.token(10 * EXACT_MSAT))
    replies = await at_once(
        crowd[n].chat(key, EXACT, max_tokens=EXACT_LIMIT, stream=stream) for n in range(FIFTY)
    )
    assert Counter(reply.status for reply in replies) == {200: 10, 402: 40}
    errors = [reply.error for reply in replies if reply.status == 402]
    assert set(errors) == {(402, InsufficientBalance.type, InsufficientBalance.code)}
    assert await crowd.balance(key) == 0
    info = (await crowd[1].info(key)).json
    assert (info["total_spent"], info["total_requests"]) == (10 * EXACT_MSAT, 10)


@in_msat
async def test_fifty_first_requests_of_a_token_with_the_money_of_ten(
    crowd: Crowd, purse: Purse
) -> None:
    text = await purse.token(10 * EXACT_MSAT)
    replies = await at_once(
        crowd[n].chat(in_turn(text, n), EXACT, max_tokens=EXACT_LIMIT) for n in range(FIFTY)
    )
    assert Counter(reply.status for reply in replies) == {200: 10, 402: 40}
    assert await crowd.balance(text) == 0


@pytest.mark.parametrize("exact", [True, False], ids=["as it is", "with change"])
async def test_fifty_refunds_are_one_token(crowd: Crowd, purse: Purse, exact: bool) -> None:
    key = await crowd[0].new_key(await purse.token(90))
    owed = 90_000
    if not exact:
        owed -= (await crowd[0].chat(key, EXACT, max_tokens=EXACT_LIMIT)).cost
    replies = await at_once(crowd[n].refund(key) for n in range(FIFTY))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["token"] for reply in replies}) == 1
    assert [reply.json["repeated"] for reply in replies].count(False) <= 1
    assert await redeemed(purse, replies) + await crowd.balance(key) == owed
    assert await crowd.balance(key) < 1_000


async def test_fifty_keys_take_their_money_at_once(crowd: Crowd, purse: Purse) -> None:
    """All want the same ecash of the node: each proof is given to one of them."""
    coins = token.decode(await purse.payer.token(8 * FIFTY, pieces=[8] * FIFTY))
    texts = [token.encode_b(Token(coins.mint, coins.unit, (one,))) for one in coins.proofs]
    made = await at_once(crowd[n].create(text) for n, text in enumerate(texts))
    keys = [reply.json["api_key"] for reply in made]
    replies = await at_once(crowd[n].refund(key) for n, key in enumerate(keys))
    assert refusals(replies) <= {InsufficientLiquidity.code}, "which leaves the balance as it was"
    late = [n for n, reply in enumerate(replies) if reply.status != 200]
    replies += [await crowd[n].refund(keys[n]) for n in late]
    assert await redeemed(purse, replies) == 8_000 * FIFTY
    assert {await crowd.balance(key) for key in keys} == {0}


@in_msat
async def test_refunds_against_requests(crowd: Crowd, purse: Purse) -> None:
    start = 30 * EXACT_MSAT
    key = await crowd[0].new_key(await purse.token(start))
    replies = await at_once(
        crowd[n // 2].refund(key)
        if n % 2
        else crowd[n // 2].chat(key, EXACT, max_tokens=EXACT_LIMIT)
        for n in range(FIFTY)
    )
    allowed = {InsufficientBalance.code, RefundBlocked.code, NothingToRefund.code}
    assert refusals(replies) <= allowed | {BalanceChanged.code}
    replies.append(await crowd[1].refund(key))
    assert await redeemed(purse, replies) + paid(replies) == start
    assert await crowd.balance(key) == 0


async def test_refunds_against_top_ups(crowd: Crowd, purse: Purse) -> None:
    """Top-ups come in while the balance goes out: each is in a token or still there."""
    key = await crowd[0].new_key(await purse.token(10))
    coins = token.decode(await purse.payer.token(50, pieces=[2] * 25))
    texts = [token.encode_b(Token(coins.mint, coins.unit, (one,))) for one in coins.proofs]
    replies = await at_once(
        crowd[n // 2].refund(key) if n % 2 else crowd[n // 2].topup(key, texts[n // 2])
        for n in range(FIFTY)
    )
    topped = [reply for reply in replies if reply.status == 200 and "gross" in reply.json]
    assert [reply.json["msats"] for reply in topped] == [2_000] * 25
    assert refusals(replies) <= {NothingToRefund.code, BalanceChanged.code}
    replies.append(await crowd[1].refund(key))
    assert await redeemed(purse, replies) + await crowd.balance(key) == 60_000


@in_msat
async def test_spending_topping_up_and_taking_back_at_once(crowd: Crowd, purse: Purse) -> None:
    key = await crowd[0].new_key(await purse.token(20 * EXACT_MSAT))
    texts = [await purse.token(2 * EXACT_MSAT) for _ in range(4)]
    spending = [crowd[n].chat(key, EXACT, max_tokens=EXACT_LIMIT) for n in range(36)]
    topping = [crowd[n].topup(key, text) for n, text in enumerate(texts)]
    taking = [crowd[n].refund(key) for n in range(10)]
    mixed = [
        work for three in zip(spending[:4], topping, taking[:4], strict=True) for work in three
    ]
    replies = await at_once([*mixed, *spending[4:], *taking[4:]])

    assert sum(reply.status == 200 and "gross" in reply.json for reply in replies) == 4
    allowed = {InsufficientBalance.code, RefundBlocked.code, NothingToRefund.code}
    assert refusals(replies) <= allowed | {BalanceChanged.code}
    taken = await redeemed(purse, replies)
    assert paid(replies) + taken + await crowd.balance(key) == 28 * EXACT_MSAT


@in_msat
async def test_one_child_key_is_ended_once(crowd: Crowd, purse: Purse) -> None:
    key = await crowd[0].new_key(await purse.token(1_000))
    made = await crowd[0].call("POST", "/v1/balance/child-key", key=key, json={"count": 1})
    child = made.json["api_keys"][0]
    replies = await asyncio.gather(
        *(
            crowd[number].call(
                "POST", "/v1/balance/child-key/revoke", key=key, json={"child_key": child}
            )
            for number in range(FIFTY)
        )
    )
    assert Counter(reply.status for reply in replies) == {200: 1, 404: FIFTY - 1}
