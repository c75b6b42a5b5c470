"""The operations that bring money to keys, and the names of all operations."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.crash.case import Case, hold
from tests.crash.client import Reply
from tests.crash.foreign import Foreign
from tests.crash.idempotent import ChatOnce, RefundOnce
from tests.crash.lightning import LightningCreate, LightningTopUp
from tests.crash.lightning_out import LightningRefund, Payout
from tests.crash.operation import CHAT, NET, Operation, Receiving, create, spendable
from tests.crash.refunds import Claim, ExactRefund, Refund
from tests.crash.several_mints import Consolidate, SwapMints
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
        "lightning-create": LightningCreate,
        "lightning-topup": LightningTopUp,
        "lightning-refund": LightningRefund,
        "payout": Payout,
        "refund-once": RefundOnce,
        "chat-once": ChatOnce,
        "consolidate": Consolidate,
        "swap-mints": SwapMints,
        "foreign": Foreign,
    }
)
