"""One user with one node at one mint: what both have, and what must be true of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from devkit.fault_proxy import FaultProxy
from devkit.lnurl import LnurlServer
from devkit.payer import Payer
from devkit.upstream import Upstream
from routstr.cli.verification import verify
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from tests.crash.books import Books, State
from tests.crash.client import Client, Reply, repeated
from tests.crash.processes import Nodes, RunningNode

SETTLED_LIMIT_S: Final = 30.0
_POLL_S: Final = 0.05
_AUDIT_TRIES: Final = 3
NOTHING_LEFT: Final = frozenset({400, 402})


class Broken(Exception):
    """Money is missing, doubled or stuck, or the node told an untruth about it."""


def hold(condition: bool, told: str) -> None:
    """Raise :class:`Broken` unless the condition holds."""
    if not condition:
        raise Broken(told)


@dataclass(slots=True)
class Case:
    """Everything that a cell of the matrix works with."""

    folder: Path
    nodes: Nodes
    settings: Mapping[str, str]
    books: Books
    proxy: FaultProxy
    payer: Payer
    unit: Unit
    fee_ppk: int
    client: Client
    upstream: Upstream
    bob: LnurlServer
    another_mint: Callable[[], Awaitable[str]]
    """Starts one with another fee, if need be, and gives its URL."""
    node: RunningNode | None = None
    others: list[RunningNode] = field(default_factory=list)
    key: str = ""

    async def start(self, *, armed: bool = False, doomed: bool = False) -> RunningNode:
        """(Re)start the node; ``doomed``: it may die before it can be asked anything."""
        return await self.nodes.start(
            self.folder, self.settings, armed=armed, born=self.move_to, doomed=doomed
        )

    @property
    def running(self) -> RunningNode:
        """The node."""
        assert self.node is not None, "it was started"
        return self.node

    async def another(self) -> RunningNode:
        """Start one more node on the same database."""
        folder = self.folder / "another"
        folder.mkdir()
        self.others.append(await self.nodes.start(folder, {**self.settings, "LOG_DIR": "logs"}))
        return self.others[-1]

    def move_to(self, node: RunningNode) -> None:
        """The client asks this one from now on."""
        self.node = node
        self.client.node_url = node.url

    def kill(self) -> None:
        """End the node, the one that runs at that moment."""
        self.running.process.kill()

    def state(self) -> State:
        return self.books.state()

    async def token(self, net: int) -> str:
        """A token worth ``net`` units after the mint's input fee; its mint is the proxy."""
        face = net
        while True:
            text = await self.payer.token(face, self.unit)
            fee = await self.payer.fee(text)
            if face - fee == net:
                return self.through_proxy(text)
            face = net + fee

    def through_proxy(self, text: str) -> str:
        return token.encode_b(replace(token.decode(text), mint=self.proxy.url))

    def msat(self, amount: int) -> int:
        return int(self.unit.to_msat(amount))

    async def spent(self, text: str) -> bool:
        """Whether the mint holds a token for spent; it must be so as a whole."""
        states = set(await self.payer.states(text))
        hold(len(states) == 1, f"the proofs of one token are {sorted(states)}")
        (state,) = states
        hold(state is not ProofState.PENDING, "a token is pending at the mint")
        return state is ProofState.SPENT

    async def settled(self, *, limit_s: float = SETTLED_LIMIT_S) -> State:
        """Wait until nothing is under way any more."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while (state := self.state()).open_sagas or state.open_holds:
            hold(
                loop.time() < deadline,
                f"stays open: {state.open_sagas} sagas, {state.open_holds} holds: "
                f"{self.books.problems()}",
            )
            await asyncio.sleep(_POLL_S)
        return state

    async def balanced(self) -> None:
        """What ``routstr verify`` does holds, and the mint agrees that the proofs are unspent."""
        audit = (await verify(self.books.url)).audit
        wrong = [f"{c.name}: {'; '.join(c.problems)}" for c in audit.checks if c.problems]
        hold(audit.holds, f"verify: {' | '.join(wrong)}")
        unspent = self.books.unspent()
        states = await self.payer._mint.check_state(unspent) if unspent else []
        gone = [state for state in states if state is not ProofState.UNSPENT]
        hold(not gone, f"{len(gone)} of {len(states)} proofs of the wallet are not unspent")

    async def info(self) -> dict[str, Any]:
        """What the node says about the key."""
        reply = await repeated(lambda: self.client.get("/v1/balance/info", bearer=self.key))
        hold(reply.good, f"balance/info answers {reply}")
        return reply.body

    async def drained(self, owned: int, first: Reply | None = None) -> None:
        """Take everything out and redeem it at the mint: what arrives is what is owned.

        ``owned``: msat before any of this refund; ``first`` is an answer to it that came already.
        """
        reply = first or await repeated(self.refund)
        hold(reply.good, f"refund answers {reply}")
        body = reply.body
        face = int(body["sats"] if self.unit is Unit.SAT else body["msats"])
        paid = self.msat(face) + body["mint_fee"]
        hold(
            paid + body["balance"] == owned,
            f"owned {owned}: token {self.msat(face)} + fee {body['mint_fee']} "
            f"+ balance {body['balance']}",
        )
        hold(body["balance"] < self.msat(1), f"{body['balance']} msat stayed behind")
        hold(body["mint_fee"] <= self.msat(2 if self.fee_ppk else 0), f"fee {body['mint_fee']}")
        given = token.decode(body["token"])
        hold(given.amount == face, f"the token holds {given.amount}, told were {face}")
        hold(not await self.spent(body["token"]), "the refund's token is spent already")
        again = await repeated(self.refund)
        hold(again.body.get("token") == body["token"], f"asked again: {again}")
        arrived = await self.payer.redeem(body["token"])
        fee = await self.payer.fee(body["token"])
        hold(arrived == face - fee, f"redeemed {arrived} of {face}")
        nothing = await self.client.post("/v1/balance/refund", bearer=self.key)
        hold(nothing.status in NOTHING_LEFT, f"a refund of nothing answers {nothing}")
        left = (await self.settled()).posted
        hold(left == body["balance"], f"{left} msat on the books, told were {body['balance']}")

    async def refund(self) -> Reply:
        """Ask for everything back."""
        return await self.client.post("/v1/balance/refund", bearer=self.key)
