"""Paying in over Lightning, at a mint that pays its own invoices: credited once, whoever dies."""

import asyncio
from abc import abstractmethod
from typing import Final

from routstr.money import Unit
from tests.crash.case import Case, hold
from tests.crash.client import Json, Reply, repeated
from tests.crash.operation import NET, Operation, create
from tests.crash.troubles import FAULTS, Misbehaviour

MINT: Final = "/v1/mint/bolt11"
ORDER: Final = "/v1/mint/quote/bolt11"
QUOTE: Final = "/v1/mint/quote/bolt11/"
_OF_QUESTIONS: Final = ("lost ignored", "429 ignored", "500 ignored", "garbage ignored")
MINT_ERRS: Final = (
    *(Misbehaviour(MINT, fault) for fault in FAULTS),
    *(Misbehaviour(path, fault) for path in (ORDER, QUOTE) for fault in _OF_QUESTIONS),
)
"""What a mint can do to an invoice."""
_KEY: Final = "5f0d2a3e-7a52-4b5e-9d0e-0c8a4f1d6b77"
_SATS: Final = 600
_PATIENCE_S: Final = 8.0
_PAUSE_S: Final = 0.2


class LightningIn(Operation):
    """``POST /lightning/invoice``, the same call until it is answered, then its status.

    Invoices are in sat, whatever the unit of the place.
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        case.unit = Unit.SAT
        self.owed = case.msat(_SATS)
        self.deposited = 0
        self.invoice: Json = {}

    @property
    @abstractmethod
    def body(self) -> Json:
        """What is asked for."""

    async def prepare(self) -> None:
        self.deposited = self.case.state().deposited

    async def attempt(self) -> Reply:
        client = self.case.client
        if not self.invoice:
            made = await client.post(
                "/lightning/invoice", self.body, bearer=self.case.key, idempotency=_KEY
            )
            if not made.good:
                return made
            self.invoice = made.body
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_S
        while loop.time() < deadline:
            reply = await self.status()
            if not reply.status or reply.body.get("status") == "paid":
                return reply
            await asyncio.sleep(_PAUSE_S)
        return Reply(0)

    async def status(self) -> Reply:
        path = f"/lightning/invoice/{self.invoice['invoice_id']}/status"
        return await self.case.client.get(path, bearer="")

    async def undecided(self) -> None:
        came = self.case.state().deposited - self.deposited
        hold(came in {0, self.owed}, f"the invoice of {self.owed} msat brought {came}")

    async def untouched(self) -> None:
        came = self.case.state().deposited - self.deposited
        hold(came == 0, f"no invoice was made, and yet it brought {came} msat")

    async def judge(self, reply: Reply) -> None:
        again = await repeated(self.status)
        hold(again.body == reply.body, f"asked again: {again.body}")
        bolt11 = {"bolt11": self.invoice["bolt11"]}
        seen = await self.case.client.post("/lightning/recover", bolt11)
        hold(seen.body["status"] == "paid", f"by its bolt11: {seen.body}")
        hold(seen.body["api_key"] is None, "the bolt11 tells a key")
        came = self.case.state().deposited - self.deposited
        hold(came == self.owed, f"the invoice of {self.owed} msat brought {came}")


class LightningCreate(LightningIn):
    """A new key."""

    @property
    def body(self) -> Json:
        return {"amount_sats": _SATS}

    async def judge(self, reply: Reply) -> None:
        await super().judge(reply)
        self.case.key = reply.body["api_key"]
        hold((await self.case.info())["balance"] == self.owed, "the balance is not what was paid")
        await self.case.drained(self.owed)


class LightningTopUp(LightningIn):
    """More for a key that has money already."""

    @property
    def body(self) -> Json:
        return {"amount_sats": _SATS, "purpose": "topup"}

    async def prepare(self) -> None:
        await create(self.case)
        await super().prepare()

    async def judge(self, reply: Reply) -> None:
        await super().judge(reply)
        hold(reply.body["api_key"] is None, "a top-up tells a key")
        owned = self.owed + self.case.msat(NET)
        hold((await self.case.info())["balance"] == owned, "the balance is not what was paid")
        await self.case.drained(owned)
