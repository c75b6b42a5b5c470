"""How clients ask: one node or the other, once or until it is done, and what they note of it."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Collection, Mapping
from random import Random
from typing import Any, Final, NamedTuple

import aiohttp

from routstr.payment.receipts import verify_receipt
from tests.chaos.identity import content, counted, estimated
from tests.chaos.tally import Asked, Charge
from tests.chaos.world import MODEL, World

SAT: Final = 1_000
_LIMIT: Final = aiohttp.ClientTimeout(total=20)
_UNTIL_S: Final = 90.0
_DONE: Final = frozenset({200, 400, 404})
_COST: Final = re.compile(r'"total_msats":\s*(\d+)')
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


class Question(NamedTuple):
    """A paid request: its body, and what is known of it before it is asked."""

    body: Mapping[str, Any]
    asked: Asked


class Caller:
    """Asks whichever node chance says."""

    def __init__(self, world: World, chance: Random, seen: Counter[str]) -> None:
        self._world: Final = world
        self.chance: Final = chance
        self.seen: Final = seen
        self._pubkey = ""

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

    async def insist(
        self, method: str, path: str, *, done: Collection[int | str] = _DONE, **given: Any
    ) -> Answer:
        """Ask until it is done, by its status or a word in it; a repeat changes nothing there."""
        deadline = time.monotonic() + _UNTIL_S
        name = "/v1/receipts" if path.startswith("/v1/receipts") else path
        while True:
            answer = await self.ask(method, path, **given)
            self.seen[f"{name} {answer.status or 'no answer'}"] += 1
            words = [one for one in done if isinstance(one, str)]
            if answer.whole and (answer.status in done or any(one in answer.text for one in words)):
                return answer
            if time.monotonic() > deadline:
                raise Unsettled(f"{method} {path}: {answer.status} {answer.text[:300]}")
            await asyncio.sleep(0.5)

    def question(self, mark: str, number: int) -> Question:
        """A request, JSON or a stream, of one to six words."""
        words, stream = self.chance.randint(1, 6), self.chance.random() < 0.5
        text = content(mark, number)
        message = {"role": "user", "content": text}
        body = {"model": MODEL, "messages": [message], "max_tokens": words, "stream": stream}
        return Question(body, Asked(mark, words, counted(text), estimated(text)))

    async def chat(self, question: Question, headers: Mapping[str, str]) -> Answer:
        """Ask it once."""
        answer = await self.ask("POST", "/v1/chat/completions", json=question.body, headers=headers)
        ended = "" if answer.whole else " cut"
        self.seen[f"chat {answer.status or 'no answer'}{ended}"] += 1
        return answer

    async def _signer(self) -> str:
        self._pubkey = self._pubkey or (await self.insist("GET", "/v1/info")).json["receipt_pubkey"]
        return self._pubkey

    async def receipt(self, request_id: str, headers: Mapping[str, str]) -> Charge | None:
        """What the node signs that a request was charged; None: there is no receipt."""
        answer = await self.insist("GET", f"/v1/receipts/{request_id}", headers=headers)
        if answer.status != 200:
            return None
        verify_receipt(answer.json, pubkey=await self._signer())
        (one,) = answer.json["charges"]
        return Charge(
            str(answer.json["request_id"]), int(one["charged_msats"]),
            int(answer.json["charged_msats"]), int(one["input_tokens"]),
            int(one["output_tokens"]), bool(one["estimated"]),
        )  # fmt: skip
