"""Paying for requests out of a purse: the price is asked, the token made, the change taken in."""

from http import HTTPStatus
from typing import Final

import aiohttp
from msgspec import Struct

from routstr.cli.purse.node import Answer, Demand, Nodes, Unpayable
from routstr.cli.purse.purse import Paid, Purse
from routstr.cli.purse.settling import End, Settlement, settle
from routstr.core.addresses import normalise_mint_url
from routstr.core.explanation import explain
from routstr.money import Unit


class Bill(Struct, frozen=True):
    """What a request came to. ``cost_msat`` is what the node says; the rest is in ``unit``.

    ``paid`` is the token's face value, ``fee`` what the mint took to make it, ``back`` what has
    arrived of it.
    """

    unit: Unit
    paid: int
    fee: int
    back: int
    end: End
    cost_msat: int | None = None
    problem: str = ""

    @property
    def spent(self) -> int:
        """What has left the purse for good, as far as it is known."""
        return self.paid + self.fee - self.back


class AnswerLost(ValueError):
    """The request was paid for and its answer did not come; ``bill`` says what that cost."""

    def __init__(self, reason: str, bill: Bill) -> None:
        super().__init__(f"the answer was lost: {reason or 'the connection broke'}")
        self.bill: Final = bill


class Till:
    """Pays for requests to one node, each at most ``most_sat``."""

    def __init__(self, purse: Purse, nodes: Nodes, node: str, most_sat: int) -> None:
        self._purse: Final = purse
        self._nodes: Final = nodes
        self._node: Final = node
        self._most: Final = Unit.SAT.to_msat(most_sat)

    async def ask(self, method: str, path: str, body: bytes | None) -> tuple[Answer, Bill | None]:
        """Ask, and pay when the node wants it; no bill: it did not.

        Raises :class:`AnswerLost` when the connection breaks behind the payment.
        """
        url = f"{self._node}{path}"
        free = await self._nodes.ask(method, url, body)
        if free.status != HTTPStatus.PAYMENT_REQUIRED:
            return free, None
        paid = await self.pay(free.demand)
        try:
            answer = await self._nodes.ask(method, url, body, token=paid.token)
        except (aiohttp.ClientError, OSError) as error:
            raise AnswerLost(explain(error), await self.settled(paid, "", None)) from error
        return answer, await self.settled(paid, answer.token, answer.cost_msat)

    async def price(self, path: str, body: bytes) -> Demand:
        """Ask what a request costs. Raises :class:`Unpayable` when the node names no price."""
        free = await self._nodes.ask("POST", f"{self._node}{path}", body)
        if free.status != HTTPStatus.PAYMENT_REQUIRED:
            raise Unpayable(free.problem or "the node wants no payment for this")
        return free.demand

    async def pay(self, demand: Demand) -> Paid:
        """Make the token that is asked for, of a mint that has enough. Raises Unpayable."""
        try:
            wanted = Unit(demand.unit)
        except ValueError:
            raise Unpayable(
                f"the node wants {demand.unit}, which this purse does not have"
            ) from None
        if not demand.amount:
            raise Unpayable("the node wants nothing, and does not answer without it")
        owed = wanted.to_msat(demand.amount)
        if owed > self._most:
            most = self._most.sats_down
            raise Unpayable(
                f"the node wants {demand.amount:,} {wanted} in advance, and the most is "
                f"{most:,} sat: --max-sat allows more"
            )
        places = [normalise_mint_url(mint) for mint in demand.mints]
        for unit in (wanted, *(unit for unit in Unit if unit is not wanted)):
            amount = -(-int(owed) // unit.msat)
            for holding in await self._purse.holdings():
                here = holding.mint in places and holding.unit is unit
                if here and await self._purse.gross_for(amount, unit, holding.mint) is not None:
                    return await self._purse.pay(amount, unit, holding.mint, self._node)
        raise Unpayable(
            f"the node wants {demand.amount:,} {wanted} of {' or '.join(places) or 'no mint'}, and "
            "there is too little in the purse: routstr pay receive brings more"
        )

    async def settled(self, paid: Paid, change: str, cost_msat: int | None) -> Bill:
        """Take the change of a payment in."""
        ended: Settlement = await settle(self._purse, self._nodes, paid, change=change)
        return Bill(
            paid.unit, paid.amount, paid.fee, ended.back, ended.end, cost_msat, ended.problem
        )
