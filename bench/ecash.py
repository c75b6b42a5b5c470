"""Ecash: single requests and new keys paid with tokens, beside bare swaps at the same mint.

Each round redeems as many tokens, eight at a time, from a client that is the same for all: it asks
the mint itself to swap them, or pays the node with them, which has to swap them before it serves.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import aiohttp
import msgspec

from bench.figures import P50, P99, RATE, Results
from bench.scenarios import JSON
from devkit.mint import Mint
from devkit.node import Node
from devkit.payer import Payer
from routstr.core.node_key import NodeKey
from routstr.errors import RoutstrError
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.mint_errors import MintError
from routstr.wallet.models import SagaKind
from routstr.wallet.sagas import Plan

SWAPS: Final = "bare swaps"
FITTING: Final = "X-Cashu, change from held proofs"
SWAPPED: Final = "X-Cashu, change by a swap"
CREATED: Final = "new keys"
SCENARIO: Final = "ecash-8"
TITLE: Final = "Ecash, 8 at a time"
CONCURRENCY: Final = 8
TOKENS_PER_SECOND: Final = 24
"""About what a mint swaps on such a machine: so that a round lasts about as long as others."""

_FITTING_PIECES: Final = (1, 2, 4, 8, 16, 32)
"""Redeemed they are the node's own 63 sat, in the pieces that the change of 62 is made of."""
_SWAPPED_PIECES: Final = (1, 1, 2, 4, 8, 16, 32)
"""Redeemed they are one proof of 64 sat, out of which no 63 can be given."""
_BOUGHT_AT_ONCE: Final = 14  # a token has at most 100 proofs
_COST: Final = "X-Routstr-Cost-Msats"


Way = tuple[str, Sequence[int], Callable[[str], Awaitable[None]]]
"""A name, the pieces of a token, and how it is spent."""


class WrongChange(Exception):
    """A payment, its charge and its change do not add up."""


@dataclass(frozen=True, slots=True)
class Client:
    """One wallet and one HTTP session."""

    payer: Payer
    session: aiohttp.ClientSession
    url: str
    """Of the node."""

    async def swap(self, text: str) -> None:
        """Swap at the mint, with nobody in between."""
        await self.payer.redeem(text)

    async def pay(self, text: str) -> None:
        """Pay one request, and add up where the token went."""
        headers = {"X-Cashu": text, "Content-Type": "application/json"}
        url, body = f"{self.url}{JSON[0].call.path}", JSON[0].call.body
        async with self.session.post(url, data=body, headers=headers) as answer:
            told = await answer.json()
            if answer.status != 200:
                raise WrongChange(f"a payment was answered with {answer.status}: {told}")
            away = int(answer.headers[_COST])
        given = told["metadata"]["routstr"]
        parts = ("change_msats", "mint_fee_msats", "unrefunded_msats")
        away += sum(given.get(name, 0) for name in parts)
        if away != token.decode(text).amount * 1_000 or given.get("change_pending"):
            raise WrongChange(f"{away} msat are accounted for: {given}")

    async def create(self, text: str) -> None:
        """Open a key."""
        body = {"initial_balance_token": text}
        async with self.session.post(f"{self.url}/v1/balance/create", json=body) as answer:
            if answer.status != 200:
                raise WrongChange(f"a new key was refused: {await answer.text()}")


class EcashLoad:
    """``async with EcashLoad(mint, node)``: buys tokens, spends them, counts.

    The node keeps its books in SQLite: they tell how change was made.
    """

    def __init__(self, mint: Mint, node: Node) -> None:
        self._payer = Payer(mint.url)
        self._url = node.url
        self._database = node.folder / "routstr.db"
        self._key = NodeKey(bytes.fromhex((node.folder / "routstr_secret.key").read_text()))

    async def __aenter__(self) -> Self:
        await self._payer.__aenter__()
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._payer.__aexit__()

    async def measure(
        self, rounds: int, seconds: float, results: Results, troubles: list[str]
    ) -> None:
        """All rounds; each begins with another way to spend. One that fails has no figures."""
        client = Client(self._payer, self._session, self._url)
        ways: list[Way] = [
            (SWAPS, _FITTING_PIECES, client.swap),
            (FITTING, _FITTING_PIECES, client.pay),
            (SWAPPED, _SWAPPED_PIECES, client.pay),
            (CREATED, _SWAPPED_PIECES, client.create),
        ]
        count = max(CONCURRENCY, int(seconds * TOKENS_PER_SECOND))
        for way in ways:  # warm
            await self._round(way, CONCURRENCY, troubles)
        for number in range(rounds):
            first = number % len(ways)
            for way in [*ways[first:], *ways[:first]]:
                figures = await self._round(way, count, troubles)
                if figures is not None:
                    results.add(SCENARIO, way[0], figures)

    async def _round(self, way: Way, count: int, troubles: list[str]) -> Mapping[str, float] | None:
        name, pieces, spend = way
        figures: Mapping[str, float] | None = None
        try:
            tokens, before = await self._buy(count, pieces), self._last_saga()
            figures = await run(tokens, spend)
            if name in (FITTING, SWAPPED):
                figures = {**figures, "fitting": self._fitting(before)}
        except* (WrongChange, MintError, OSError, RoutstrError) as group:
            troubles += [f"{SCENARIO}: {name}: {one!r}"[:300] for one in group.exceptions]
            print(f"  {troubles[-1]}", flush=True)
        return figures

    async def spend(self, count: int) -> None:
        """Pay as many single requests; raises WrongChange when one does not add up."""
        client = Client(self._payer, self._session, self._url)
        await run(await self._buy(count, _SWAPPED_PIECES), client.pay)

    async def _buy(self, count: int, pieces: Sequence[int]) -> list[str]:
        """Many tokens of these pieces, with few calls to the mint."""
        bought: list[str] = []
        while len(bought) < count:
            some = min(_BOUGHT_AT_ONCE, count - len(bought))
            proofs = token.decode(await self._payer.token(0, pieces=[*pieces] * some)).proofs
            step = len(pieces)
            bought += [
                self._payer.write(proofs[at : at + step], Unit.SAT)
                for at in range(0, len(proofs), step)
            ]
        return bought

    def _last_saga(self) -> int:
        return int(self._ask("SELECT coalesce(max(id), 0) FROM sagas", ())[0][0])

    def _fitting(self, after: int) -> float:
        """Which part of the change given since then needed no swap: 0 to 1."""
        statement = "SELECT plan FROM sagas WHERE kind = ? AND id > ?"
        plans = [row[0] for row in self._ask(statement, (int(SagaKind.SEND), after))]
        opened = [self._key.open("saga", bytes(plan)) for plan in plans]
        kept = [not msgspec.json.decode(plan, type=Plan).amounts for plan in opened]
        return sum(kept) / max(len(kept), 1)

    def _ask(self, statement: str, values: tuple[int, ...]) -> list[tuple[bytes]]:
        with sqlite3.connect(f"file:{self._database}?mode=ro", uri=True) as raw:
            return raw.execute(statement, values).fetchall()


async def run(
    tokens: Sequence[str], spend: Callable[[str], Awaitable[None]]
) -> Mapping[str, float]:
    """Spend all tokens, several at a time; tokens a second and the time of one."""
    left, times = list(tokens), list[float]()

    async def one_after_the_other() -> None:
        while left:
            began = time.perf_counter()
            await spend(left.pop())
            times.append((time.perf_counter() - began) * 1_000)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(one_after_the_other())
    elapsed = time.perf_counter() - began
    times.sort()
    last = len(times) - 1
    return {RATE: len(times) / elapsed, P50: times[last // 2], P99: times[last * 99 // 100]}
