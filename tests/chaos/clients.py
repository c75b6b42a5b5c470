"""Clients that keep a receipt of everything: what they paid, were told, and got back."""

import asyncio
import re
from dataclasses import replace
from typing import Any, Final

from devkit.payer import Payer
from tests.chaos.caller import SAT, Answer, Caller, Question, Unsettled
from tests.chaos.tally import Asked, Charge, KeyBook, Repeat, Single

FACE_SAT: Final = 20
"""Of a token that pays for one request."""
_CHANGE: Final = re.compile(r'"change":\s*"(cashu[^"]+)"')
_PAID_BEFORE: Final = "request_already_paid"


class KeyClient:
    """Pays with a key: creates it, asks, tops it up, takes the rest back.

    Every other request names itself with an Idempotency-Key.
    """

    def __init__(self, name: str, caller: Caller, payer: Payer, tokens: list[str]) -> None:
        self.name: Final = name
        self._caller: Final = caller
        self._payer: Final = payer
        self._tokens: Final = tokens
        self._asked: Final[list[Asked]] = []
        self._unclear: Final[list[Question]] = []
        self._repeats: Final[dict[str, Repeat]] = {}
        self._paid_in = 0
        self._returned = 0
        self._pending: Final[list[str]] = []
        self._headers: dict[str, str] = {}

    async def create(self) -> None:
        body = {"initial_balance_token": self._tokens.pop()}
        made = await self._caller.insist("POST", "/v1/balance/create", json=body)
        self._headers = {"Authorization": f"Bearer {made.json['api_key']}"}
        self._paid_in += int(made.json["balance"])

    async def run(self, over: asyncio.Event) -> None:
        """Load, with a top-up from time to time; one without answer is asked again later."""
        while not over.is_set():
            number = len(self._asked) + 1
            question = self._caller.question(f"{self.name} {number:03}", number)
            named = bool(number % 2)
            headers = self._named(question) if named else self._headers
            answer = await self._caller.chat(question, headers)
            self._asked.append(_noted(question.asked, answer))
            if named and not answer.whole:
                self._unclear.append(question)
            if self._tokens and self._caller.chance.random() < 0.03:
                token = self._tokens.pop()
                answer = await self._topup(token, once=True)
                if answer.status != 200 or not answer.whole:
                    self._pending.append(token)
            await asyncio.sleep(self._caller.chance.uniform(0.05, 0.3))

    def _named(self, question: Question) -> dict[str, str]:
        return {**self._headers, "Idempotency-Key": question.asked.mark.replace(" ", "-")}

    async def _topup(self, token: str, *, once: bool) -> Answer:
        ask = self._caller.ask if once else self._caller.insist
        body = {"cashu_token": token}
        answer = await ask("POST", "/v1/balance/topup", json=body, headers=self._headers)
        if answer.status == 200 and answer.whole:
            self._paid_in += int(answer.json["msats"])
        return answer

    async def settle(self) -> None:
        """What was left unclear; then the refund, and all tokens into the purse."""
        for question in self._unclear:
            self._repeats[question.asked.mark] = await self._repeat(question)
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

    async def _repeat(self, question: Question) -> Repeat:
        """The request again, with the same name: the node says that it was paid, or serves it."""
        answer = await self._caller.insist(
            "POST", "/v1/chat/completions", done={200, _PAID_BEFORE},
            json=question.body, headers=self._named(question),
        )  # fmt: skip
        if answer.status == 200:
            return Repeat(answer.request_id, answer.told or 0, anew=True)
        paid = answer.json["error"]["details"]
        return Repeat(str(paid["request_id"]), int(paid["cost_msats"]))

    async def book(self) -> KeyBook:
        """Receipts beside what the node says."""
        info = (await self._caller.insist("GET", "/v1/balance/info", headers=self._headers)).json
        charges = [
            await self._charge(str(one["request_id"]), -int(one["amount"]))
            for one in await self._history()
            if one["kind"] == "charge"
        ]
        return KeyBook(
            self.name, self._paid_in, self._returned, int(info["balance"]), int(info["reserved"]),
            self._asked, self._repeats, charges,
        )  # fmt: skip

    async def _charge(self, request_id: str, msat: int) -> Charge:
        """As the history has it, with what the receipt says that it was for."""
        receipt = await self._caller.receipt(request_id, self._headers)
        if receipt is None:
            raise Unsettled(f"{self.name}: {request_id} cost {msat}, there is no receipt")
        return replace(receipt, msat=msat)

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

    async def run(self, over: asyncio.Event) -> None:
        """Load, until the tokens are used up."""
        while self._tokens and not over.is_set():
            token, number = self._tokens.pop(), len(self._paid) + 1
            question = self._caller.question(f"{self._name} {number:03}", number)
            answer = await self._caller.chat(question, {"X-Cashu": token})
            found = _CHANGE.search(answer.text)
            change = answer.change or (found.group(1) if found else "")
            self._paid.append((_noted(question.asked, answer), token, change))
            await asyncio.sleep(self._caller.chance.uniform(1.5, 6.0))

    async def settle(self) -> None:
        """The change of each: what came with the answer, else what the node tells; or all of it."""
        for asked, token, change in self._paid:
            given = [change] if change else await self._claimed(token)
            back = 0
            for one in given:
                back += await self._payer.redeem(one)
            receipt = None
            if asked.request_id:
                receipt = await self._caller.receipt(asked.request_id, {"X-Cashu": token})
            cost = receipt.receipt if receipt else None
            self.singles.append(Single(asked, FACE_SAT * SAT, back * SAT, cost))
        for unused in self._tokens:
            await self._payer.redeem(unused)

    async def _claimed(self, token: str) -> list[str]:
        answer = await self._caller.insist("POST", "/v1/wallet/refund", headers={"X-Cashu": token})
        if answer.status == 404:
            return [token]  # it never paid here: its coins are the client's still
        if answer.status == 400:
            return []
        return [one["token"] for one in answer.json["tokens"]]


def _noted(asked: Asked, answer: Answer) -> Asked:
    return replace(asked, request_id=answer.request_id, status=answer.status, told=answer.told)
