"""One node, one mint, two played providers and a payer; opened once, used by every cell."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from devkit.payer import Payer
from devkit.upstream import Upstream
from routstr.wallet.mint_types import ProofState
from tests.crash.books import Books
from tests.endpoints.client import Client
from tests.endpoints.payers import Bank, Broken, Till, WithKey, hold
from tests.endpoints.prices import CHATTY, UNEVEN, PriceList, write_files
from tests.endpoints.provider import Stages
from tests.integration.money.house import House, open_house

FIRST_BYTE_S: Final = 5
PENDING_MOST: Final = 5
"""A busy machine may make a mint slow, now and then."""
_PASSWORD: Final = "correct horse battery"
_LIMITS: Final = {
    "ADMIN_PASSWORD": _PASSWORD,
    "DISCONNECT_DRAIN_SECONDS": "20",
    "UPSTREAM_FIRST_BYTE_SECONDS": str(FIRST_BYTE_S),
    "UPSTREAM_IDLE_SECONDS": "20",
}


@dataclass(slots=True)
class World:
    """See :func:`open_world`."""

    house: House
    bank: Bank
    stages: Stages
    listed: bytes
    """``GET /v1/models``."""
    prices: PriceList
    keys: list[WithKey] = field(default_factory=list)
    """Keys that no cell uses at the moment."""

    @property
    def till(self) -> Till:
        return self.bank.till

    async def key(self) -> WithKey:
        """A key for one cell, which gives it back."""
        return self.keys.pop() if self.keys else await WithKey.make(self.bank)

    async def judge(self) -> None:
        """Nothing is open, the books hold, and every msat is where it should be."""
        for key in self.keys:
            key.close()
        state, till = Books(self.house.database_url).state(), self.till
        hold(not state.open_holds, f"{state.open_holds} holds are open")
        hold(not state.open_sagas, f"{state.open_sagas} operations are open")
        hold(not self.stages.strangers, f"{len(self.stages.strangers)} requests are nobody's")
        hold(till.pending <= PENDING_MOST, f"{till.pending} times change came too late")
        rest = till.given - till.charged - till.changed - till.left
        hold(rest == 0, f"{rest} msat are unaccounted for: {till}")
        hold(state.deposited == till.given, f"{state.deposited} msat booked in, not {till.given}")
        hold(state.posted == till.left, f"{state.posted} msat are on accounts, not {till.left}")
        hold(state.own == till.charged, f"earned {state.own} msat, not {till.charged}")
        told = await self.house.node.command("verify")
        hold(told.status == 0, f"routstr verify: {told.output}")
        await self._agreed()

    async def _agreed(self) -> None:
        """The mint agrees that the node's proofs are unspent."""
        unspent = Books(self.house.database_url).unspent()
        states = await self.bank.payer._mint.check_state(unspent)
        gone = [state for state in states if state is not ProofState.UNSPENT]
        hold(not gone, f"{len(gone)} of {len(states)} proofs of the wallet are not unspent")


@asynccontextmanager
async def open_world(folder: Path, database_url: str, payer: Payer) -> AsyncIterator[World]:
    """Start everything but the mint, which is the payer's."""
    stages = Stages()
    more = {**UNEVEN, **_LIMITS, **write_files(folder)}
    async with (
        Upstream(stages.play_chatty) as chatty,
        open_house(folder, database_url, [payer.mint_url], more=more) as house,
    ):
        house.upstream.default = house.upstream.talk = stages.play
        client = Client(house.client._session, house.node.url)
        await _add(client, chatty)
        listed = await client.ask("/v1/models", {}, method="GET")
        yield World(house, Bank(client, payer), stages, listed.body, PriceList(listed.body))


async def _add(client: Client, chatty: Upstream) -> None:
    """Add the provider that only chats, as the operator does; of its type nothing is known."""

    async def post(path: str, body: dict[str, str], **headers: str) -> dict[str, object]:
        data = json.dumps(body).encode()
        answer = await client.ask(f"/admin/api/{path}", headers, data, "application/json")
        if answer.status != 200:
            raise Broken(f"{path} answers {answer}")
        return answer.json

    token = (await post("login", {"password": _PASSWORD}))["token"]
    provider = {"provider_type": "vllm", "slug": CHATTY, "base_url": chatty.base_url}
    admin = {"Authorization": f"Bearer {token}"}
    await post("upstream-providers", {**provider, "api_key": "key-of-it"}, **admin)
