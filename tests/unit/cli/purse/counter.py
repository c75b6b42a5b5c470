"""A purse at a played mint, and a played node that it pays."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec

from routstr.cli.purse import books
from routstr.cli.purse.node import Answer, Nodes
from routstr.cli.purse.paying import Till
from routstr.cli.purse.purse import Purse
from routstr.money import Unit
from routstr.wallet import token as tokens
from routstr.wallet.payment_request import PaymentRequest, encode_a
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.world import KEY, House, World, open_world

NODE = "https://node.example"
CLAIM = "/v1/wallet/refund"


class PlayedNode(Nodes):
    """Answers as it was told, by path; ``tokens`` are those that it was shown.

    With a mint it redeems those that came with a request.
    """

    def __init__(self, mint: PlayedMint | None = None) -> None:
        self.mint = mint
        self.answers: dict[str, deque[Answer | Exception]] = {}
        self.tokens: list[str] = []

    def next(self, path: str, *answers: Answer | Exception) -> None:
        self.answers.setdefault(path, deque()).extend(answers)

    def redeem(self, text: str) -> None:
        if self.mint is not None:
            self.mint.spend(tokens.decode(text))

    async def ask(
        self, method: str, url: str, body: bytes | None = None, *, token: str = ""
    ) -> Answer:
        assert url.startswith(NODE)
        if token:
            self.tokens.append(token)
            if not url.endswith(CLAIM):
                self.redeem(token)
        told = self.answers[url.removeprefix(NODE)].popleft()
        if isinstance(told, Exception):
            raise told
        return told


def says(status: int, body: object = None, token: str = "", cost: int | None = None) -> Answer:
    return Answer(status, msgspec.json.encode(body or {}), token, cost)


def error(status: int, code: str) -> Answer:
    return says(status, {"detail": {"error": {"code": code, "message": f"{code}."}}})


def away() -> Exception:
    return aiohttp.ServerDisconnectedError()


def demand(amount: int, mint: str, unit: str = "sat") -> Answer:
    request = encode_a(PaymentRequest(amount=amount, unit=unit, mints=(mint,)))
    return says(402, {"error": {"message": "Pay first."}}, request)


@dataclass
class Counter:
    """Where a purse meets a node. ``again`` is the purse in the hands of a later command."""

    world: World
    mint: PlayedMint
    node: PlayedNode = field(default_factory=PlayedNode)

    @property
    def purse(self) -> Purse:
        return self._purse(self.world.house)

    def again(self) -> Purse:
        return self._purse(self.world.another_house())

    def _purse(self, house: House) -> Purse:
        wallet, clock = house.wallet, self.world.clock
        books.register(wallet, clock)
        return Purse(self.world.db, wallet, KEY, clock, stale_seconds=60)

    def till(self, most_sat: int = 1_000) -> Till:
        return Till(self.purse, self.node, NODE, most_sat)

    def change(self, *amounts: int) -> str:
        return tokens.encode_b(self.mint.token(*amounts))

    async def fill(self, *amounts: int) -> None:
        await self.purse.take_in(tokens.encode_b(self.mint.token(*amounts)))

    async def held(self) -> int:
        """What is in the purse, in sat."""
        return sum(one.liquid for one in await self.purse.holdings() if one.unit is Unit.SAT)


@asynccontextmanager
async def open_counter(folder: Path) -> AsyncIterator[Counter]:
    async with open_world(folder, PlayedMint()) as world:
        yield Counter(world, world.mint)
