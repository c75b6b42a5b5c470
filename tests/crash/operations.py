"""The operations that move money of keys, and the names of all operations."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from tests.crash.case import NOTHING_LEFT, Case, hold
from tests.crash.client import Reply, repeated
from tests.crash.operation import CHAT, NET, Operation, Receiving, create, spendable
from tests.crash.x_cashu import XCashu, XCashuStream


class Create(Receiving):
    """``POST /v1/balance/create``."""

    async def attempt(self) -> Reply:
        body = {"initial_balance_token": self.token}
        return await self.case.client.post("/v1/balance/create", body)

    async def judge(self, reply: Reply) -> None:
        case, owned = self.case, self.case.msat(self.net)
        hold(reply.body["balance"] == owned, f"create told {reply.body['balance']} of {owned}")
        again = await self.attempt()
        hold(again.good, f"the same token again: {again}")
        hold(again.body["api_key"] == reply.body["api_key"], "the same token gave another key")
        case.key = reply.body["api_key"]
        hold((await case.info())["balance"] == owned, "the balance is not what was told")
        await case.drained(owned)


class TopUp(Receiving):
    """``POST /v1/balance/topup`` of a key that has money already."""

    net = 512

    async def prepare(self) -> None:
        await create(self.case)
        await super().prepare()

    async def attempt(self) -> Reply:
        body = {"cashu_token": self.token}
        return await self.case.client.post("/v1/balance/topup", body, bearer=self.case.key)

    async def judge(self, reply: Reply) -> None:
        case, owned = self.case, self.case.msat(NET + self.net)
        msats = reply.body["msats"]
        hold(msats == case.msat(self.net), f"the top-up told {msats} msat")
        again = await self.attempt()
        hold(again.good and again.body["balance"] == owned, f"again: {again} {again.body}")
        hold((await case.info())["balance"] == owned, "the balance is not what was told")
        await case.drained(owned)


class BearerToken(Receiving):
    """A chat completion that is paid with a new token as the credential."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.net = spendable(case)

    async def attempt(self) -> Reply:
        return await self.case.client.post("/v1/chat/completions", CHAT, bearer=self.token)

    async def judge(self, reply: Reply) -> None:
        case = self.case
        price = reply.body["usage"]["cost"]["total_msats"]
        case.key = self.token
        info = await case.info()
        case.key = info["api_key"]
        requests, served = info["total_requests"], len(case.upstream.requests)
        hold(1 <= requests <= served, f"charged {requests} requests, served {served}")
        hold(info["total_spent"] == requests * price, f"spent {info['total_spent']}")
        owned = case.msat(self.net) - info["total_spent"]
        hold(info["balance"] == owned, f"balance {info['balance']}, should be {owned}")
        hold(info["reserved"] == 0, f"{info['reserved']} msat are still reserved")
        await case.drained(owned)


class Refund(Operation):
    """``POST /v1/balance/refund`` that needs change: the node swaps at the mint."""

    async def prepare(self) -> None:
        net = spendable(self.case)
        await create(self.case, net)
        self.owned = self.case.msat(net)
        await self.spend()

    async def spend(self) -> None:
        """Make the balance another than the sum of any of the node's proofs."""
        reply = await repeated(
            lambda: self.case.client.post("/v1/chat/completions", CHAT, bearer=self.case.key)
        )
        hold(reply.good, f"chat answers {reply}")
        self.owned -= reply.body["usage"]["cost"]["total_msats"]

    async def attempt(self) -> Reply:
        return await self.case.refund()

    async def undecided(self) -> None:
        case, state = self.case, self.case.state()
        given = case.msat(state.unclaimed_gross)
        hold(
            state.posted + given == self.owned,
            f"owned {self.owned}: balance {state.posted}, in tokens {given}",
        )
        hold(state.unclaimed <= 1, f"{state.unclaimed} tokens were given out")

    async def untouched(self) -> None:
        hold(self.case.state().unclaimed == 0, "refused, and yet a token was given out")
        await self.undecided()

    async def judge(self, reply: Reply) -> None:
        await self.case.drained(self.owned, reply)


class ExactRefund(Refund):
    """A refund of exactly the node's proofs: no swap, one transaction."""

    async def spend(self) -> None:
        """Nothing."""


class Claim(Operation):
    """A refund asked for again when its token was redeemed: the node learns of that and books it.

    The good answer is that nothing is left.
    """

    async def prepare(self) -> None:
        case = self.case
        await create(case)
        reply = await repeated(case.refund)
        hold(reply.good, f"refund answers {reply}")
        await case.payer.redeem(reply.body["token"])

    async def attempt(self) -> Reply:
        reply = await self.case.refund()
        if reply.good and any(call.faulty for call in self.case.proxy.calls):
            return Reply(0)  # it could not ask whether the token is redeemed, and tells it again
        return replace(reply, status=HTTPStatus.OK) if reply.status in NOTHING_LEFT else reply

    async def undecided(self) -> None:
        state = self.case.state()
        hold(state.posted == 0, f"{state.posted} msat came back")

    async def untouched(self) -> None:
        await self.undecided()

    async def judge(self, reply: Reply) -> None:
        hold("token" not in reply.body, "a redeemed token was given out again")
        hold(self.case.state().unclaimed == 0, "a redeemed token counts as unclaimed")


OPERATIONS: Final[Mapping[str, type[Operation]]] = MappingProxyType(
    {
        "create": Create,
        "topup": TopUp,
        "bearer": BearerToken,
        "refund": Refund,
        "exact-refund": ExactRefund,
        "claim": Claim,
        "x-cashu": XCashu,
        "x-cashu-stream": XCashuStream,
    }
)
