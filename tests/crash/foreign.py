"""A token of a mint at which the node keeps nothing: it is unspent, or what it paid for arrives."""

import asyncio
from typing import Final

from sqlalchemy import text

from devkit.payer import Payer
from routstr.wallet import token
from routstr.wallet.models import IssuedState, QuoteState
from tests.crash.case import Case, hold
from tests.crash.client import Reply, repeated
from tests.crash.lightning_out import payable
from tests.crash.operation import Operation

_PATIENCE_S: Final = 15.0
_POLL_S: Final = 0.05
_WAITING: Final = f"state = {int(QuoteState.UNPAID)}"
_ARRIVED: Final = f"state = {int(QuoteState.ISSUED)}"
_QUOTES: Final = "SELECT count(*), coalesce(sum(amount), 0) FROM mint_quotes WHERE "
_CHANGE: Final = f"""
SELECT count(*), coalesce(sum(amount), 0) FROM issued_tokens
WHERE state = {int(IssuedState.UNCLAIMED)}
"""


class Foreign(Operation):
    """``POST /v1/balance/create`` with a token whose mint only pays the node's primary one."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.net = payable(case)
        self.home = ""
        self.token = ""

    async def settle_in(self) -> None:
        case = self.case
        self.home = await case.another_mint()
        case.settings = {
            **case.settings,
            "CASHU_MINTS": self.home,
            "SWAP_MINTS": case.proxy.url,
        }

    async def prepare(self) -> None:
        self.token = await self.case.token(self.net)

    async def attempt(self) -> Reply:
        body = {"initial_balance_token": self.token}
        return await self.case.client.post("/v1/balance/create", body)

    async def undecided(self) -> None:
        case = self.case
        spent = await case.spent(self.token)
        if spent:
            await self._arrived()
        (arrivals, sats), came = self._read(_QUOTES + _ARRIVED), self._came()
        hold(came == 1_000 * sats, f"{sats} sat arrived, credited were {came} msat")
        hold(arrivals == int(spent), f"spent: {spent}, and it arrived {arrivals} times")
        if not spent:
            _, change = self._change()
            hold(change == 0, f"the token is unspent, and {change} are owed as its change")

    async def untouched(self) -> None:
        hold(not await self.case.spent(self.token), "refused, and yet the token is spent")
        await self.undecided()

    async def judge(self, reply: Reply) -> None:
        case, came = self.case, self._came()
        face = case.msat(token.decode(self.token).amount)
        change = str((await repeated(self.attempt)).body["change"])
        rest = case.msat(token.decode(change).amount)
        hold(0 <= face - came - rest <= 3_000, f"{face} msat gave {came} and {rest} of change")
        hold(self._change() == (1, token.decode(change).amount), "the change is not what is owed")
        body = reply.body
        hold(body["balance"] == came, f"create told {body['balance']} of {came}")
        if body["credited"] is not None:
            told = body["credited"] + body["mint_fee"] + rest
            hold((body["gross"], told) == (face, face), f"told: {body}")
        arrived = await case.payer.redeem(change)
        fee = await case.payer.fee(change)
        hold(arrived == token.decode(change).amount - fee, f"the change brings {arrived}")
        case.key = body["api_key"]
        hold((await case.info())["balance"] == came, "the balance is not what was told")
        await self._take_out(came)

    async def _take_out(self, owned: int) -> None:
        """What came is ecash of the primary mint."""
        reply = await repeated(self.case.refund)
        hold(reply.good, f"refund answers {reply}")
        given, body = token.decode(reply.body["token"]), reply.body
        hold(given.mint == self.home, f"the refund is of {given.mint}")
        worth = int(given.unit.to_msat(given.amount))
        hold(worth + body["mint_fee"] + body["balance"] == owned, f"owned {owned}: {body}")
        async with Payer(self.home) as payer:
            arrived = await payer.redeem(body["token"])
            fee = await payer.fee(body["token"])
        hold(arrived == given.amount - fee, f"redeemed {arrived} of {given.amount}")

    async def _arrived(self) -> None:
        """Wait until the primary mint's ecash is here: no saga need be open before."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_S
        while self._read(_QUOTES + _WAITING)[0]:
            hold(loop.time() < deadline, "the token is spent, and nothing arrives")
            await asyncio.sleep(_POLL_S)
        await self.case.settled()

    def _came(self) -> int:
        return self.case.state().deposited

    def _change(self) -> tuple[int, int]:
        return self._read(_CHANGE)

    def _read(self, query: str) -> tuple[int, int]:
        with self.case.books._engine.connect() as connection:
            count, amount = connection.execute(text(query)).one()
        return int(count), int(amount)
