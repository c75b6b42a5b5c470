"""What the node does with its own ecash: proofs are renewed, ecash moves to another mint.

Nobody asks for it: it begins as soon as somebody has given the operator, or the wallet, enough.
What a customer has is the same before, between and after.
"""

import asyncio
from abc import abstractmethod
from http import HTTPStatus
from typing import Final

from sqlalchemy import text

from routstr.wallet.models import QuoteState, SagaKind, SagaState
from tests.crash.books import State
from tests.crash.case import Case, hold
from tests.crash.client import Reply, repeated
from tests.crash.lightning_out import payable
from tests.crash.operation import NET, Operation, create

_PATIENCE_S: Final = 15.0
_POLL_S: Final = 0.05
_DONE: Final = f"state = {int(SagaState.DONE)}"
_RENEWED: Final = (
    "SELECT count(*), coalesce(sum(fee), 0) FROM sagas"
    f" WHERE kind = {int(SagaKind.CONSOLIDATE)} AND {_DONE}"
)
_SPENT: Final = f"""
SELECT count(*), coalesce(sum(spent), 0) FROM sagas
WHERE kind = {int(SagaKind.MELT)} AND {_DONE}
"""
_MOVES: Final = """
SELECT count(*), coalesce(sum(w.amount), 0) FROM mint_swaps w
JOIN mint_quotes q ON q.id = w.quote LEFT JOIN sagas s ON s.id = w.melt WHERE
"""
_LEFT: Final = f"{_MOVES} s.{_DONE}"
_ARRIVED: Final = f"{_MOVES} q.state = {int(QuoteState.ISSUED)}"
"""The mints pay their invoices by themselves, also one that nobody paid because its node died."""
_WHOLE: Final = f"{_LEFT} AND q.state = {int(QuoteState.ISSUED)}"
_BETWEEN: Final = "SELECT 0, coalesce(sum(posted), 0) FROM accounts WHERE kind = 11"


class Upkeep(Operation):
    """Something that the node does by itself as soon as :meth:`trigger` was answered."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.given = 0
        """What is the operator's before the operation, in msat."""

    @abstractmethod
    async def trigger(self) -> Reply:
        """Give the node what it waits for; the same again changes nothing."""

    @abstractmethod
    def happened(self) -> bool:
        """Whether it was done."""

    async def attempt(self) -> Reply:
        given = await self.trigger()
        if not given.status:
            return given
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_S
        while loop.time() < deadline and self.case.running.process.running:
            state = self.case.state()
            if self.happened() and not state.open_sagas:
                return Reply(200)
            await asyncio.sleep(_POLL_S)
        return Reply(0)

    async def untouched(self) -> None:
        await self.undecided()

    def read(self, query: str) -> tuple[int, int]:
        with self.case.books._engine.connect() as connection:
            count, amount = connection.execute(text(query)).one()
        return int(count), int(amount)

    def still(self, *queries: str) -> tuple[State, list[int]]:
        """The books and the amounts of queries, as of one moment: the node goes on meanwhile."""
        before = None
        while (now := (self.case.state(), [self.read(one)[1] for one in queries])) != before:
            before = now
        return now

    def nothing_between(self) -> None:
        _, amount = self.read(_BETWEEN)
        hold(amount == 0, f"{amount} msat stay between mints")

    async def donate(self, net: int) -> None:
        body = {"token": await self.case.token(net)}
        reply = await repeated(lambda: self.case.client.post("/v1/balance/donate", body))
        hold(reply.status == HTTPStatus.OK, f"donate answers {reply.status}")
        self.given += self.case.msat(net)


class Consolidate(Upkeep):
    """One more proof of one unit comes in, and they become fewer.

    Three of five would become two, which is not worth it; what the fee leaves of them is one.
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.ones = 4 if case.fee_ppk else 5
        case.settings = {
            **case.settings,
            "CONSOLIDATION_INTERVAL_SECONDS": "0.2",
            "PROOFS_PER_AMOUNT_MAX": "4",
        }

    async def prepare(self) -> None:
        case = self.case
        await create(case)
        await self.donate(NET)
        for _ in range(self.ones):
            body = {"cashu_token": await case.token(1)}
            reply = await repeated(lambda body=body: self._top_up(body))  # type: ignore[misc]
            hold(reply.good, f"a top-up answers {reply}")
        hold(not self.happened(), "it was done before the last one came")
        self.token = await case.token(1)

    async def trigger(self) -> Reply:
        return await self._top_up({"cashu_token": self.token})

    def happened(self) -> bool:
        return self.read(_RENEWED)[0] > 0

    async def undecided(self) -> None:
        case, (state, (fees,)) = self.case, self.still(_RENEWED)
        came = 1 if await case.spent(self.token) else 0
        owned = case.msat(NET + self.ones + came)
        hold(state.posted == owned, f"a customer has {state.posted} msat of {owned}")
        own = self.given - case.msat(fees)
        hold(state.own == own, f"the operator has {state.own} msat, should have {own}")
        self.nothing_between()

    async def judge(self, reply: Reply) -> None:
        case = self.case
        count, fees = self.read(_RENEWED)
        hold(count == 1, f"{count} times renewed")
        hold(fees == (1 if case.fee_ppk else 0), f"the mint took {fees}")
        await case.drained(case.msat(NET + self.ones + 1))

    async def _top_up(self, body: dict[str, str]) -> Reply:
        return await self.case.client.post("/v1/balance/topup", body, bearer=self.case.key)


class SwapMints(Upkeep):
    """Ecash of the operator's moves to the primary mint, which is another one."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.net = payable(case)

    async def settle_in(self) -> None:
        case = self.case
        other = await case.another_mint()
        case.settings = {
            **case.settings,
            "CASHU_MINTS": f"{other},{case.proxy.url}",
            "REBALANCE_ABOVE_SAT": "1",
            "REBALANCE_INTERVAL_SECONDS": "0.2",
        }

    async def prepare(self) -> None:
        await create(self.case, self.net)
        self.token = await self.case.token(self.net)

    async def trigger(self) -> Reply:
        return await self.case.client.post("/v1/balance/donate", {"token": self.token})

    def happened(self) -> bool:
        whole, _ = self.read(_WHOLE)
        left, _ = self.read(_LEFT)
        return 0 < whole == left

    async def undecided(self) -> None:
        case = self.case
        given = case.msat(self.net) if await case.spent(self.token) else 0
        state, amounts = self.still(_SPENT, _LEFT, _ARRIVED, _BETWEEN)
        spent, left, arrived, between = amounts
        hold(state.posted == case.msat(self.net), f"a customer has {state.posted} msat")
        cost = case.msat(spent) - left
        hold(state.own == given - cost, f"given {given}, cost {cost}, there are {state.own} msat")
        hold(between == arrived - left, f"{left} left, {arrived} arrived, {between} between")

    async def judge(self, reply: Reply) -> None:
        case = self.case
        _, moved = self.read(_WHOLE)
        hold(moved > case.msat(self.net) * 9 // 10, f"only {moved} msat moved")
        await case.drained(case.msat(self.net))
