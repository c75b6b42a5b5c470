"""Taking the money of a key back: one token, whatever happens."""

from dataclasses import replace
from http import HTTPStatus

from tests.crash.case import NOTHING_LEFT, hold
from tests.crash.client import Reply, repeated
from tests.crash.operation import CHAT, Operation, create, spendable


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
        if reply.good and not self._was_told():
            return Reply(0)  # it could not ask whether the token is redeemed, and tells it again
        return replace(reply, status=HTTPStatus.OK) if reply.status in NOTHING_LEFT else reply

    def _was_told(self) -> bool:
        """Whether the mint has answered what became of the token; while it rests nobody asks."""
        asked = [call for call in self.case.proxy.calls if call.path == "/v1/checkstate"]
        return any(call.handled and not call.faulty for call in asked)

    async def undecided(self) -> None:
        state = self.case.state()
        hold(state.posted == 0, f"{state.posted} msat came back")

    async def untouched(self) -> None:
        await self.undecided()

    async def judge(self, reply: Reply) -> None:
        hold("token" not in reply.body, "a redeemed token was given out again")
        hold(self.case.state().unclaimed == 0, "a redeemed token counts as unclaimed")
