"""The money of a run: real ecash in before it, every msat accounted for after it."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Final

import aiohttp
from msgspec import Struct

from bench.targets import DEPOSIT_SAT_MAX
from devkit.mint import Mint
from devkit.node import Node
from devkit.payer import Payer

_SETTLED_LIMIT_S: Final = 30.0
_POLL_S: Final = 0.1


class Verdict(Struct, frozen=True):
    """What a node's books said after the run. ``trouble`` is empty when the money is exact."""

    target: str
    requests: int
    paid_msat: int
    trouble: str


@dataclass(frozen=True, slots=True)
class Purse:
    """Two keys of a node: what answers to ``whole`` cost is read from all of them; streams that
    ``cut`` pays for end unread."""

    node: Node
    whole: str
    cut: str

    async def requests(self) -> int:
        """How many requests both have paid for."""
        infos = [await _settled(self.node, key) for key in (self.whole, self.cut)]
        return sum(info["total_requests"] for info in infos)


async def fill(node: Node, mint: Mint) -> Purse:
    """Deposit ecash for both keys."""
    return Purse(node, await open_key(node, mint), await open_key(node, mint))


async def open_key(node: Node, mint: Mint, sat: int = DEPOSIT_SAT_MAX) -> str:
    """Deposit real ecash and return the key."""
    async with Payer(mint.url) as payer, aiohttp.ClientSession() as session:
        body = {"initial_balance_token": await payer.token(sat)}
        async with session.post(f"{node.url}/v1/balance/create", json=body) as answer:
            created = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"no key: {created}")
    return str(created["api_key"])


class Till:
    """Adds up what the answers of each target say they cost, msat."""

    def __init__(self) -> None:
        self._sums = Counter[str]()

    def add(self, target: str, msat: int) -> None:
        self._sums[target] += msat

    async def check(self, target: str, purse: Purse) -> Verdict:
        """Compare balances with what was booked and told, and let the node verify its books."""
        whole, cut = await _settled(purse.node, purse.whole), await _settled(purse.node, purse.cut)
        told = self._sums[target]
        trouble = [
            *differences("key", whole, told),
            *differences("key of streams", cut, None),
            *(["routstr verify found something"] if await _broken(purse.node) else []),
        ]
        return Verdict(
            target,
            whole["total_requests"] + cut["total_requests"],
            whole["total_spent"] + cut["total_spent"],
            "; ".join(trouble),
        )


def differences(name: str, info: dict[str, int], told: int | None) -> list[str]:
    """What does not agree: what is left, what was booked, what answers told (None: not read)."""
    found = []
    drop = DEPOSIT_SAT_MAX * 1_000 - info["balance"]
    if info["reserved"]:
        found.append(f"{name}: {info['reserved']} msat are still reserved")
    if drop != info["total_spent"]:
        found.append(f"{name}: {drop} msat are gone, {info['total_spent']} were booked")
    if told is not None and told != drop:
        found.append(f"{name}: {drop} msat are gone, answers told of {told}")
    return found


async def _settled(node: Node, key: str) -> dict[str, int]:
    """The key's figures, once the streams that were cut have ended, too."""
    headers = {"Authorization": f"Bearer {key}"}
    info: dict[str, int] = {}
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(int(_SETTLED_LIMIT_S / _POLL_S)):
            async with session.get(f"{node.url}/v1/balance/info") as answer:
                info = await answer.json()
            if info["reserved"] == 0:
                break
            await asyncio.sleep(_POLL_S)
    return info


async def _broken(node: Node) -> bool:
    return (await node.command("verify")).status != 0
