"""Money that leaves over Lightning: it arrives once or stays, and the rest is told to the msat."""

import asyncio
from typing import Final

from routstr.money import Unit
from tests.crash.case import Case, hold
from tests.crash.client import Reply, repeated
from tests.crash.operation import NET, Operation, create

_MSAT_FACTOR: Final = 1_024
"""A Lightning payment is made in whole sat: so much more is deposited where msat are the unit."""
_PAYOUT_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.05
_LEAST_SAT: Final = 100


def payable(case: Case) -> int:
    """Units that are worth a payment over Lightning."""
    return NET if case.unit is Unit.SAT else _MSAT_FACTOR * NET


class LightningRefund(Operation):
    """``POST /v1/balance/refund`` to a Lightning address."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.net = payable(case)

    async def prepare(self) -> None:
        await create(self.case, self.net)

    async def attempt(self) -> Reply:
        case = self.case
        body = {"lightning_address": case.bob.address}
        return await case.client.post("/v1/balance/refund", body, bearer=case.key)

    async def undecided(self) -> None:
        state, owned = self.case.state(), self.case.msat(self.net)
        hold(state.melts <= 1, f"it was paid {state.melts} times")
        left = owned - self.case.msat(state.melted)
        hold(state.posted == left, f"owned {owned}: balance {state.posted}, should be {left}")

    async def untouched(self) -> None:
        hold(self.case.state().melts == 0, "refused, and yet it was paid")
        await self.undecided()

    async def judge(self, reply: Reply) -> None:
        case, owned, body = self.case, self.case.msat(self.net), reply.body
        arrived, fees = int(body["msats"]), body["mint_fee"] + body["lightning_fee"]
        hold(arrived in case.bob.asked, f"{arrived} msat arrived, which nobody was asked for")
        hold(arrived + fees + body["balance"] == owned, f"owned {owned}, told {body}")
        hold(arrived > owned * 95 // 100, f"only {arrived} of {owned} arrived")
        again = await repeated(self.attempt)
        told = {**again.body, "repeated": body["repeated"]}
        hold(told == body, f"told {body}, then {again.body}")
        info = await case.info()
        hold(info["balance"] == body["balance"], f"{info['balance']} msat are left")
        hold(case.state().melts == 1, f"it was paid {case.state().melts} times")


class Payout(Operation):
    """Profit that leaves by itself, here as soon as somebody has given some."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.net = payable(case)
        case.settings = {
            **case.settings,
            "RECEIVE_LN_ADDRESS": case.bob.address,
            "MIN_PAYOUT_SAT": str(_LEAST_SAT),
            "PAYOUT_INTERVAL_SECONDS": "0.2",
        }

    async def prepare(self) -> None:
        await create(self.case, self.net)
        self.token = await self.case.token(self.net)

    async def attempt(self) -> Reply:
        """Give the operator a token, and wait until what it brought is paid out."""
        case = self.case
        given = await case.client.post("/v1/balance/donate", {"token": self.token})
        if not given.status:
            return given
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PAYOUT_SECONDS
        while loop.time() < deadline:
            state = case.state()
            if state.melts and not state.open_sagas:
                return Reply(200)
            if not case.running.process.running:
                break
            await asyncio.sleep(_POLL_SECONDS)
        return Reply(0)

    async def undecided(self) -> None:
        case, state = self.case, self.case.state()
        hold(state.posted == case.msat(self.net), f"a customer has {state.posted} msat")
        donated = case.msat(self.net) if await case.spent(self.token) else 0
        left = donated - case.msat(state.melted)
        hold(state.own == left, f"donated {donated}: {state.own} msat left, should be {left}")
        hold(state.melts <= 1, f"it was paid {state.melts} times")

    async def untouched(self) -> None:
        await self.undecided()

    async def judge(self, reply: Reply) -> None:
        case, state = self.case, self.case.state()
        hold(state.melts == 1, f"it was paid {state.melts} times")
        hold(0 <= state.own < _LEAST_SAT * 1_000, f"{state.own} msat stayed")
        await case.drained(case.msat(self.net))
