"""Clients that keep a receipt of everything: what they paid, were told, and got back."""

import asyncio
import json
import re
import time
from collections import Counter
from random import Random
from typing import Any, Final, NamedTuple

import aiohttp

from devkit.payer import Payer
from devkit.prices import COMPLETION_MSAT, PROMPT_MSAT
from tests.chaos.tally import Asked, Charge, KeyBook, Single
from tests.chaos.world import MODEL, World

SAT: Final = 1_000
FACE_SAT: Final = 20
"""Of a token that pays for one request."""
_LIMIT: Final = aiohttp.ClientTimeout(total=20)
_UNTIL_S: Final = 90.0
_COST: Final = re.compile(r'"total_msats":\s*(\d+)')
_CHANGE: Final = re.compile(r'"change":\s*"(cashu[^"]+)"')
_REQUEST_ID: Final = "x-routstr-request-id"


class Unsettled(Exception):
    """The node has not answered a question that it must answer after everything was healed."""


class Answer(NamedTuple):
    """One answer; status 0: none began. ``whole``: it came to its end."""

    status: int
    request_id: str = ""
    text: str = ""
    change: str = ""
    whole: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def told(self) -> int | None:
        costs = _COST.findall(self.text)
        return int(costs[-1]) if self.status == 200 and self.whole and costs else None


class Caller:
    """Asks one node or the other, whichever chance says."""

    def __init__(self, world: World, chance: Random, seen: Counter[str]) -> None:
        self._world: Final = world
        self.chance: Final = chance
        self.seen: Final = seen

    async def ask(self, method: str, path: str, **given: Any) -> Answer:
        node = self.chance.choice(list(self._world.nodes.values()))
        status, request_id, change, text = 0, "", "", ""
        try:
            async with self._world.session.request(
                method, node.url + path, timeout=_LIMIT, **given
            ) as answer:
                status, request_id = answer.status, answer.headers.get(_REQUEST_ID, "")
                change = answer.headers.get("X-Cashu", "")
                async for part in answer.content.iter_any():
                    text += part.decode()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return Answer(status, request_id, text, change, whole=False)
        return Answer(status, request_id, text, change)

    async def insist(self, method: str, path: str, **given: Any) -> Answer:
        """Ask until it is done; a repeat changes nothing at the node."""
        deadline = time.monotonic() + _UNTIL_S
        while True:
            answer = await self.ask(method, path, **given)
            self.seen[f"{path} {answer.status or 'no answer'}"] += 1
            if answer.whole and answer.status in {200, 400, 404}:
                return answer
            if time.monotonic() > deadline:
                raise Unsettled(f"{method} {path}: {answer.status} {answer.text[:300]}")
            await asyncio.sleep(0.5)

    async def chat(self, mark: str, headers: dict[str, str]) -> tuple[Asked, Answer]:
        """A paid request, JSON or a stream, of one to six words."""
        words, stream = self.chance.randint(1, 6), self.chance.random() < 0.5
        price = 1 + 12 * PROMPT_MSAT + words * COMPLETION_MSAT
        message = {"role": "user", "content": mark}
        body = {"model": MODEL, "messages": [message], "max_tokens": words, "stream": stream}
        answer = await self.ask("POST", "/v1/chat/completions", json=body, headers=headers)
        ended = "" if answer.whole else " cut"
        self.seen[f"chat {answer.status or 'no answer'}{ended}"] += 1
        return Asked(mark, price, answer.request_id, answer.status, answer.told), answer


class KeyClient:
    """Pays with a key: creates it, asks, tops it up, takes the rest back."""

    def __init__(self, name: str, caller: Caller, payer: Payer, tokens: list[str]) -> None:
        self.name: Final = name
        self._caller: Final = caller
        self._payer: Final = payer
        self._tokens: Final = tokens
        self._asked: Final[list[Asked]] = []
        self._paid_in = 0
        self._returned = 0
        self._pending: Final[list[str]] = []
        self._headers: dict[str, str] = {}

    async def create(self) -> None:
        body = {"initial_balance_token": self._tokens.pop()}
        made = await self._caller.insist("POST", "/v1/balance/create", json=body)
        self._headers = {"Authorization": f"Bearer {made.json['api_key']}"}
        self._paid_in += int(made.json["balance"])

    async def run(self, until: float) -> None:
        """Load, with a top-up from time to time; one without answer is asked again later."""
        number = 0
        while time.monotonic() < until:
            number += 1
            asked, _ = await self._caller.chat(f"{self.name} {number}", self._headers)
            self._asked.append(asked)
            if self._tokens and self._caller.chance.random() < 0.03:
                token = self._tokens.pop()
                answer = await self._topup(token, once=True)
                if answer.status != 200 or not answer.whole:
                    self._pending.append(token)
            await asyncio.sleep(self._caller.chance.uniform(0.05, 0.3))

    async def _topup(self, token: str, *, once: bool) -> Answer:
        ask = self._caller.ask if once else self._caller.insist
        body = {"cashu_token": token}
        answer = await ask("POST", "/v1/balance/topup", json=body, headers=self._headers)
        if answer.status == 200 and answer.whole:
            self._paid_in += int(answer.json["msats"])
        return answer

    async def settle(self) -> None:
        """What was left unclear; then the refund, and all tokens into the purse."""
        for token in self._pending:
            answer = await self._topup(token, once=False)
            if answer.status != 200:
                raise Unsettled(f"{self.name}: top-up {answer.status} {answer.text[:300]}")
        refund = await self._caller.insist("POST", "/v1/balance/refund", headers=self._headers)
        if refund.status != 200:
            raise Unsettled(f"{self.name}: refund {refund.status} {refund.text[:300]}")
        tokens = refund.json.get("tokens") or [{"token": refund.json["token"]}]
        for one in tokens:
            self._returned += SAT * await self._payer.redeem(one["token"])
        for unused in self._tokens:
            await self._payer.redeem(unused)

    async def book(self) -> KeyBook:
        """Receipts beside what the node says."""
        info = (await self._caller.insist("GET", "/v1/balance/info", headers=self._headers)).json
        charges = [
            Charge(str(one["request_id"] or one["id"]), -int(one["amount"]))
            for one in await self._history()
            if one["kind"] == "charge"
        ]
        return KeyBook(
            self.name, self._paid_in, self._returned, int(info["balance"]), int(info["reserved"]),
            self._asked, charges,
        )  # fmt: skip

    async def _history(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        params = {"limit": "500"}
        while True:
            answer = await self._caller.insist(
                "GET", "/v1/balance/history", headers=self._headers, params=params
            )
            found += answer.json["transactions"]
            if (before := answer.json["next_before"]) is None:
                return found
            params["before"] = str(before)


class TokenClient:
    """Pays each request with a token of its own and keeps the change."""

    def __init__(self, name: str, caller: Caller, payer: Payer, tokens: list[str]) -> None:
        self._name: Final = name
        self._caller: Final = caller
        self._payer: Final = payer
        self._tokens: Final = tokens
        self._paid: Final[list[tuple[Asked, str, str]]] = []
        self.singles: Final[list[Single]] = []
        self.refused = 0

    async def run(self, until: float) -> None:
        while self._tokens and time.monotonic() < until:
            token = self._tokens.pop()
            mark = f"{self._name} {len(self._paid)}"
            asked, answer = await self._caller.chat(mark, {"X-Cashu": token})
            found = _CHANGE.search(answer.text)
            change = answer.change or (found.group(1) if found else "")
            self._paid.append((asked, token, change))
            await asyncio.sleep(self._caller.chance.uniform(1.0, 4.0))

    async def settle(self) -> None:
        """The change of each: what came with the answer, else what the node tells; or all of it."""
        for asked, token, change in self._paid:
            given = [change] if change else await self._claimed(token)
            back = 0
            for one in given:
                back += await self._payer.redeem(one)
            self.singles.append(Single(asked, FACE_SAT * SAT, back * SAT))
        for unused in self._tokens:
            await self._payer.redeem(unused)

    async def _claimed(self, token: str) -> list[str]:
        answer = await self._caller.insist("POST", "/v1/wallet/refund", headers={"X-Cashu": token})
        if answer.status == 404:
            self.refused += 1
            return [token]  # it never paid here: its coins are the client's still
        if answer.status == 400:
            return []
        return [one["token"] for one in answer.json["tokens"]]
