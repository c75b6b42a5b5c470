"""What every operation of the matrix has, and what prepares some of them."""

from abc import ABC, abstractmethod
from typing import Final

from routstr.money import Unit
from tests.crash.case import Case, hold
from tests.crash.client import Json, Reply, repeated

NET: Final = 1_024
"""Units that a deposit is worth net: even, so that a refund of less needs change from the mint."""

CHAT: Final[Json] = {
    "model": "good",
    "messages": [{"role": "user", "content": "Hi"}],
    "max_tokens": 6,
}


class Operation(ABC):
    """One operation in one case, as a client carries it out and as a user judges it.

    ``prepare`` leads to the moment before; ``attempt`` is one request, to be repeated when no good
    answer came; ``undecided`` must hold whenever nothing is under way, whether or not the operation
    was carried out: never neither, never both; ``judge`` proves the end, to the msat.
    """

    def __init__(self, case: Case) -> None:
        self.case = case

    async def settle_in(self) -> None:
        """Before the node starts: change its settings, if that takes more than a moment."""
        return

    @abstractmethod
    async def prepare(self) -> None:
        """Make what the operation needs; the node runs and nothing goes wrong yet."""

    @abstractmethod
    async def attempt(self) -> Reply:
        """Ask for the operation once."""

    @abstractmethod
    async def undecided(self) -> None:
        """The money is in exactly one place. Nothing is under way."""

    @abstractmethod
    async def untouched(self) -> None:
        """An answer said that the operation was not carried out: then it was not."""

    @abstractmethod
    async def judge(self, reply: Reply) -> None:
        """After a good answer: everything is as the user was told."""


class Receiving(Operation):
    """An operation that brings a token: it is either redeemed and credited or neither."""

    token = ""
    net = NET

    async def prepare(self) -> None:
        self.token = await self.case.token(self.net)
        self.deposited = self.case.state().deposited

    async def undecided(self) -> None:
        case = self.case
        came = case.state().deposited - self.deposited
        if await case.spent(self.token):
            hold(came == case.msat(self.net), f"the token is spent and brought {came} msat")
        else:
            hold(came == 0, f"the token is unspent and yet brought {came} msat")

    async def untouched(self) -> None:
        hold(not await self.case.spent(self.token), "refused, and yet the token is spent")
        await self.undecided()


def spendable(case: Case) -> int:
    """Units that pay for a request: its maximum is more than 1,024 msat."""
    return NET if case.unit is Unit.SAT else 64 * NET


async def create(case: Case, net: int = NET) -> None:
    body = {"initial_balance_token": await case.token(net)}
    reply = await repeated(lambda: case.client.post("/v1/balance/create", body))
    hold(reply.good, f"create answers {reply}")
    case.key = reply.body["api_key"]
