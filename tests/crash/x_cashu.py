"""A request that is paid with a token for it alone: answered, or given back to the last msat."""

from http import HTTPStatus
from typing import Final

from devkit.prices import COMPLETION_MSAT, PROMPT_MSAT
from routstr.money import Unit
from routstr.wallet import token
from tests.crash.case import Case, hold
from tests.crash.client import Json, Reply, repeated
from tests.crash.operation import CHAT, Operation, spendable

PRICE: Final = 1 + 12 * PROMPT_MSAT + 6 * COMPLETION_MSAT
"""msat that the played answer costs."""
_STREAM: Final[Json] = {**CHAT, "stream": True}


class XCashu(Operation):
    """``POST /v1/chat/completions`` with ``X-Cashu``; a client that hears nothing claims first."""

    body: Json = CHAT

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.net = spendable(case)
        self._asked = False

    async def prepare(self) -> None:
        self.token = await self.case.token(self.net)

    async def attempt(self) -> Reply:
        if self._asked:
            claim = await self.claim()
            if claim.status != HTTPStatus.NOT_FOUND:
                return claim
        self._asked = True
        return await self.case.client.post("/v1/chat/completions", self.body, x_cashu=self.token)

    async def claim(self) -> Reply:
        """Ask for the change."""
        return await self.case.client.post("/v1/wallet/refund", x_cashu=self.token)

    async def undecided(self) -> None:
        case, state, owned = self.case, self.case.state(), self.case.msat(self.net)
        if not await case.spent(self.token):
            hold(state.deposited == 0, f"unspent, and yet it brought {state.deposited} msat")
            return
        hold(state.deposited == owned, f"spent, and it brought {state.deposited} msat")
        given = case.msat(state.unclaimed_gross)
        charged = owned - state.posted - given
        hold(
            charged in self._prices(),
            f"owned {owned}: balance {state.posted}, in tokens {given}, charged {charged}",
        )
        hold(state.unclaimed <= 1, f"{state.unclaimed} tokens were given out")

    async def untouched(self) -> None:
        hold(not await self.case.spent(self.token), "refused, and yet the token is spent")
        await self.undecided()

    async def judge(self, reply: Reply) -> None:
        case = self.case
        claim = await repeated(self.claim)
        hold(claim.good, f"the claim answers {claim}")
        body = claim.body
        face = int(body["sats"] if case.unit is Unit.SAT else body["msats"])
        charged = case.msat(self.net) - case.msat(face) - body["mint_fee"] - body["balance"]
        hold(charged in self._prices(), f"{charged} msat were charged")
        hold(body["balance"] < case.msat(1), f"{body['balance']} msat stayed behind")
        hold(body["mint_fee"] <= case.msat(2 if case.fee_ppk else 0), f"fee {body['mint_fee']}")
        hold(claim.x_cashu == body["token"], "the header tells another token")
        if "usage" in reply.body:
            self._agree(reply, body["token"], charged)
        given = token.decode(body["token"])
        hold(given.amount == face, f"the token holds {given.amount}, told were {face}")
        hold(not await case.spent(body["token"]), "the change is spent already")
        arrived = await case.payer.redeem(body["token"])
        fee = await case.payer.fee(body["token"])
        hold(arrived == face - fee, f"redeemed {arrived} of {face}")
        again = await repeated(self.claim)
        hold(again.body.get("token") == body["token"], f"asked again: {again}")
        left = (await case.settled()).posted
        hold(left == body["balance"], f"{left} msat on the books, told were {body['balance']}")
        paying = await case.client.post("/v1/chat/completions", CHAT, x_cashu=self.token)
        hold(paying.code == "cashu_token_already_spent", f"it pays again: {paying}")

    def change(self, reply: Reply) -> str:
        """The token that came with an answer; empty when it is pending."""
        return reply.x_cashu

    def _agree(self, reply: Reply, claimed: str, charged: int) -> None:
        """What the answer told is what the claim tells."""
        cost = reply.body["usage"]["cost"]["total_msats"]
        hold(charged == cost == PRICE, f"charged {charged}, told {cost}")
        change = self.change(reply)
        pending = reply.body["metadata"]["routstr"].get("change_pending", False)
        hold(pending is not bool(change), f"pending: {pending}, and change: {bool(change)}")
        hold(change in {"", claimed}, "the claim tells another token than the answer")

    def _prices(self) -> set[int]:
        """What may have been charged: nothing, or what was served."""
        return {0, PRICE} if self.case.upstream.requests else {0}


class XCashuStream(XCashu):
    """The same as a stream."""

    body = _STREAM

    def change(self, reply: Reply) -> str:
        hold(not reply.x_cashu, "a stream's head knows no change")
        return str(reply.body["metadata"]["routstr"].get("change", ""))
