"""Calls with an Idempotency-Key: however often they are repeated, they are done once."""

from dataclasses import replace
from http import HTTPStatus
from typing import Final

from routstr.errors import RequestAlreadyPaid
from tests.crash.case import Case, hold
from tests.crash.client import Reply, repeated
from tests.crash.operation import CHAT, Operation, create, spendable
from tests.crash.refunds import Refund
from tests.crash.x_cashu import PRICE

_KEY: Final = "8e03978e-40d5-43dd-bc93-6894a57f9324"


class RefundOnce(Refund):
    """A refund whose repeat tells the same token, even when that was redeemed."""

    async def attempt(self) -> Reply:
        case = self.case
        return await case.client.post("/v1/balance/refund", bearer=case.key, idempotency=_KEY)

    async def judge(self, reply: Reply) -> None:
        await super().judge(reply)
        again = await repeated(self.attempt)
        hold(again.body == reply.body, f"another answer to the same call: {again}")


class ChatOnce(Operation):
    """A request of a key: charged once, answered or told its receipt."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.net = spendable(case)

    async def prepare(self) -> None:
        await create(self.case, self.net)

    async def attempt(self) -> Reply:
        case = self.case
        reply = await case.client.post(
            "/v1/chat/completions", CHAT, bearer=case.key, idempotency=_KEY
        )
        told = reply.code == RequestAlreadyPaid.code
        return replace(reply, status=HTTPStatus.OK) if told else reply

    async def undecided(self) -> None:
        charged = self.case.msat(self.net) - self.case.state().posted
        prices = {0, PRICE} if self.case.upstream.requests else {0}
        hold(charged in prices, f"{charged} msat were charged")

    async def untouched(self) -> None:
        hold(self.case.state().posted == self.case.msat(self.net), "refused, and yet charged")

    async def judge(self, reply: Reply) -> None:
        case = self.case
        again = await repeated(self.attempt)
        receipt = again.body["error"]["details"]
        hold(receipt["cost_msats"] == PRICE, f"the receipt tells {receipt}")
        if "usage" in reply.body:
            told = reply.body["usage"]["cost"]["total_msats"]
            hold(told == PRICE, f"the answer told {told}")
        info = await case.info()
        spent, requests = info["total_spent"], info["total_requests"]
        hold((spent, requests) == (PRICE, 1), f"{spent} msat for {requests} requests")
        await case.drained(case.msat(self.net) - PRICE)
