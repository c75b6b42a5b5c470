"""Three ways to pay. Each knows what it owned, and finds out at the node and at the mint what it
was charged."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from devkit.payer import Payer
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from tests.endpoints.client import Answer, Client

SAT: Final = 1_000
KEY_SAT: Final = 8_192
TOKEN_SAT: Final = 64
QUIET_LIMIT_S: Final = 30.0
_POLL_S: Final = 0.03

T = TypeVar("T")


class Broken(Exception):
    """Money is missing, doubled or held, or the node told an untruth about it."""


def hold(condition: bool, told: str) -> None:
    """Raise :class:`Broken` unless the condition holds."""
    if not condition:
        raise Broken(told)


@dataclass(slots=True)
class Till:
    """What went into the node and came out of it, in msat, over all cells."""

    given: int = 0
    charged: int = 0
    changed: int = 0
    left: int = 0
    pending: int = 0
    """How many answers had to be sent before the mint had made the change."""


@dataclass(slots=True)
class Bank:
    """Where payers come from: a wallet at the mint, a client of the node, and the sums."""

    client: Client
    payer: Payer
    till: Till = field(default_factory=Till)

    async def token(self, sat: int) -> str:
        return await self.payer.token(sat, Unit.SAT)

    async def call(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        return await self.client.ask(path, headers, method=method)


class Paying(Protocol):
    """One cell's payer."""

    @property
    def headers(self) -> dict[str, str]:
        """The credential."""
        ...

    async def charged(self, answer: Answer) -> int:
        """Wait until nothing is held any more, check what is left, and say what is gone, in msat.

        Raises :class:`Broken`. To be called once, for a request that may have been charged.
        """
        ...

    async def untouched(self) -> None:
        """Check that nothing has happened: not charged, not held, not even redeemed."""
        ...


class WithKey:
    """``Bearer sk-...``: a key of many cells, one after the other."""

    def __init__(self, bank: Bank, key: str, owned: int) -> None:
        self._bank = bank
        self.headers = {"Authorization": f"Bearer {key}"}
        self._owned = owned
        self._spent = 0
        self._requests = 0

    @classmethod
    async def make(cls, bank: Bank) -> "WithKey":
        text = await bank.token(KEY_SAT)
        body = b'{"initial_balance_token": "%b"}' % text.encode()
        made = await bank.client.ask("/v1/balance/create", {}, body, "application/json")
        hold(made.status == 200, f"no key: {made}")
        bank.till.given += KEY_SAT * SAT
        return cls(bank, made.json["api_key"], KEY_SAT * SAT)

    async def charged(self, answer: Answer) -> int:
        info = await _quiet(self._bank, self.headers)
        cost: int = self._owned - info["balance"]
        requests = info["total_requests"] - self._requests
        more = info["total_spent"] - self._spent
        self._owned, self._spent = info["balance"], info["total_spent"]
        self._requests = info["total_requests"]
        self._bank.till.charged += cost
        hold(cost == more, f"the balance lost {cost} msat, total_spent tells {more}")
        hold(requests == (cost > 0), f"{requests} settled requests for {cost} msat")
        if cost:
            await _in_history(self._bank, self.headers, answer, cost)
        return cost

    async def untouched(self) -> None:
        cost = await self.charged(Answer(0, {}, b""))
        hold(cost == 0, f"{cost} msat were charged for what is free")

    def close(self) -> None:
        """What is on the key stays there."""
        self._bank.till.left += self._owned


class WithToken:
    """``Bearer cashu...``: the token becomes a key by its first use."""

    def __init__(self, bank: Bank, text: str) -> None:
        self._bank = bank
        self._text = text
        self.headers = {"Authorization": f"Bearer {text}"}

    async def charged(self, answer: Answer) -> int:
        await _spent(self._bank, self._text)
        info = await _quiet(self._bank, self.headers)
        owned, till = TOKEN_SAT * SAT, self._bank.till
        cost: int = owned - info["balance"]
        till.given, till.charged = till.given + owned, till.charged + cost
        till.left += info["balance"]
        hold(info["total_deposited"] == owned, f"it brought {info['total_deposited']} msat")
        hold(info["total_spent"] == cost, f"{cost} msat gone, {info['total_spent']} spent")
        hold(info["total_requests"] == (cost > 0), f"{info['total_requests']} settled requests")
        if cost:
            await _in_history(self._bank, self.headers, answer, cost)
        return cost

    async def untouched(self) -> None:
        await _unspent(self._bank, self._text)


class WithXCashu:
    """``X-Cashu``: the token pays for this request alone, and its change is redeemed."""

    def __init__(self, bank: Bank, text: str) -> None:
        self._bank = bank
        self._text = text
        self.headers = {"X-Cashu": text}

    async def charged(self, answer: Answer) -> int:
        await _spent(self._bank, self._text)
        claim = await self._claim()
        face, fee, left = int(claim["sats"]) * SAT, claim["mint_fee"], claim["balance"]
        cost: int = TOKEN_SAT * SAT - face - fee - left
        till = self._bank.till
        till.given, till.charged = till.given + TOKEN_SAT * SAT, till.charged + cost
        till.changed, till.left = till.changed + face, till.left + left
        hold(fee == 0, f"a mint without fees took {fee} msat")
        hold(left == -cost % SAT, f"{left} msat stay for a charge of {cost}")
        self._agrees(answer, claim["token"], face, left)
        given = token.decode(claim["token"])
        hold(given.unit is Unit.SAT and given.amount * SAT == face, "another amount was told")
        arrived = await self._bank.payer.redeem(claim["token"])
        hold(arrived * SAT == face, f"redeemed {arrived} sat of {face} msat")
        return cost

    async def untouched(self) -> None:
        await _unspent(self._bank, self._text)

    def _agrees(self, answer: Answer, change: str, face: int, left: int) -> None:
        """What an answer told of the change is what a claim gets."""
        if not answer.status or (answer.broken and "X-Cashu" not in answer.headers):
            return  # a client that heard nothing
        at = answer.money or answer.error
        places = [answer.headers.get("X-Cashu"), at.get("change"), at.get("refund_token")]
        told = {one for one in places if one}
        if at.get("change_pending") or answer.headers.get("X-Routstr-Change") == "pending":
            hold(not told, "pending change is told")
            self._bank.till.pending += 1
            return  # the claim had it
        hold(told == {change}, f"{len(told)} tokens were told, none or not all as claimed")
        if at:
            hold(at["change_msats"] == face, f"told change {at['change_msats']}, made {face}")
            hold(at["unrefunded_msats"] == left, f"told {at['unrefunded_msats']} left, not {left}")
        header = answer.headers.get("X-Routstr-Unrefunded-Msats")
        hold(header in {None, str(left)}, f"the header tells {header} msat left, not {left}")
        hold(bool(header) is bool(left) or answer.streamed, "a header about the rest is missing")

    async def _claim(self) -> dict[str, Any]:
        async def ask() -> Answer | None:
            claim = await self._bank.call("POST", "/v1/wallet/refund", self.headers)
            return None if claim.status == 425 else claim

        claim = await _until(ask, "the change stays pending")
        hold(claim.status == 200, f"the claim answers {claim}")
        return claim.json


async def _quiet(bank: Bank, headers: dict[str, str]) -> dict[str, Any]:
    """What a key is told of itself once nothing is held."""

    async def ask() -> dict[str, Any] | None:
        info = await bank.call("GET", "/v1/balance/info", headers)
        hold(info.status == 200, f"balance/info answers {info}")
        return None if info.json["reserved"] else info.json

    return await _until(ask, "the hold stays")


async def _in_history(bank: Bank, headers: dict[str, str], answer: Answer, cost: int) -> None:
    """The ledger's newest charge of a key is this one."""
    history = await bank.call("GET", "/v1/balance/history?limit=1", headers)
    (newest,) = history.json["transactions"]
    hold(newest["kind"] == "charge", f"the newest movement is a {newest['kind']}")
    hold(newest["amount"] == -cost, f"the ledger says {newest['amount']}, {cost} are gone")
    named = answer.headers.get("X-Routstr-Request-Id")
    hold(named in {None, newest["request_id"]}, "the ledger's newest charge is another request's")


async def _spent(bank: Bank, text: str) -> None:
    async def ask() -> bool | None:
        return set(await bank.payer.states(text)) == {ProofState.SPENT} or None

    await _until(ask, "the token was never redeemed")


async def _unspent(bank: Bank, text: str) -> None:
    states = set(await bank.payer.states(text))
    hold(states == {ProofState.UNSPENT}, f"the token was touched: {sorted(states)}")


async def _until(ask: Callable[[], Awaitable[T | None]], told: str) -> T:
    """Ask until there is an answer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + QUIET_LIMIT_S
    while (found := await ask()) is None:
        hold(loop.time() < deadline, told)
        await asyncio.sleep(_POLL_S)
    return found
