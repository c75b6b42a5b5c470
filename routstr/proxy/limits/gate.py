"""Who is let in: the limits of the address that asks and of the key that pays.

::

    address: slot, request ──> the prompt's tokens ──> (payer) ──> key: slot, request, tokens
                                                                     │
    the end, whatever it is: slots are given back, the rest of the tokens is counted

All of it is before any hold, and what concerns the address before any token is redeemed. A request
that is refused is not counted by the limit that refused it. Tokens are counted as far as they are
known: those of the prompt before the request, the others after it, so the last request of a minute
may go beyond the limit and the next one waits for it. A payment for one request alone has no key.

A store that fails lets everybody in, and the log says so: clients are not to suffer from it.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from limits.errors import StorageError
from starlette.types import Message, Send

from routstr.core.addresses import network
from routstr.core.fuse import Fuse
from routstr.core.node_key import NodeKey
from routstr.core.rendering import Header
from routstr.errors import RateLimitError, TooManyAtOnce
from routstr.proxy.exchange import Exchange
from routstr.proxy.limits.counters import Bound, Counters, Metric, Standing
from routstr.proxy.limits.slots import Slots

_PURPOSE: Final = "limits"
_NAME_CHARS: Final = 32
_SOON: Final = {"Retry-After": "1"}
_NEVER: Final = {"x-should-retry": "false"}  # OpenAI's clients ask again otherwise


class Limits:
    """The limits of one scope, ``key`` or ``address``; 0: none."""

    __slots__ = ("at_once", "bounds", "scope")

    def __init__(self, scope: str, *, requests: int, tokens: int, at_once: int) -> None:
        amounts = {Metric.REQUESTS: requests, Metric.TOKENS: tokens}
        self.scope: Final = scope
        self.at_once: Final = at_once
        self.bounds: Final = {
            metric: Bound(scope, metric, amount) for metric, amount in amounts.items() if amount
        }

    def __bool__(self) -> bool:
        return bool(self.bounds or self.at_once)


@dataclass(frozen=True, slots=True)
class GateParts:
    """What a gate is made of."""

    of_key: Limits
    of_address: Limits
    counters: Counters
    slots: Slots
    fuse: Fuse
    node: NodeKey


class Gate:
    """Lets requests in, one visit each."""

    __slots__ = ("_ending", "parts")

    def __init__(self, parts: GateParts) -> None:
        self.parts: Final = parts
        self._ending: Final[set[asyncio.Task[None]]] = set()

    @asynccontextmanager
    async def visit(self, exchange: Exchange) -> AsyncIterator[None]:
        """Let a request in by its address, and see it out. Raises :class:`RateLimitError`."""
        visit = exchange.visit = Visit(self, exchange)
        exchange.tap(visit.listen)
        try:
            await visit.begin()
            yield
        finally:
            visit.end()

    def name(self, scope: str, who: str) -> str:
        """How a key or an address is called in the store, which is not to know it."""
        return self.parts.node.mac(_PURPOSE, scope.encode(), who.encode()).hex()[:_NAME_CHARS]

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Wait until everything is counted and given back."""
        if self._ending:
            await asyncio.wait(self._ending)
        await self.parts.slots.close()


class Visit:
    """One request between its arrival and its end."""

    __slots__ = ("_address", "_counted", "_exchange", "_gate", "_slots", "_standings", "_tallies")

    def __init__(self, gate: Gate, exchange: Exchange) -> None:
        client: tuple[str, int] | None = exchange.scope.get("client")
        self._gate: Final = gate
        self._exchange: Final = exchange
        self._address: Final = gate.name("address", network(client[0] if client else ""))
        self._slots: Final[list[str]] = []
        self._standings: Final[dict[Metric, Standing]] = {}
        self._tallies: Final[dict[str, Bound]] = {}
        self._counted: int | None = None

    async def begin(self) -> None:
        """The address has come."""
        await self._enter(self._gate.parts.of_address, self._address, {Metric.REQUESTS: 1})

    async def ask(self) -> None:
        """The address asks for what costs nothing, which is counted apart."""
        await self._enter(
            self._gate.parts.of_address, f"{self._address}/free", {Metric.REQUESTS: 1}, slot=False
        )

    async def weigh(self, tokens: int) -> None:
        """The request is read: its prompt has this many tokens. The second time does nothing."""
        if self._counted is None:
            self._counted = tokens
            limits = self._gate.parts.of_address
            await self._enter(limits, self._address, {Metric.TOKENS: tokens}, slot=False)

    async def pay(self, account: int) -> None:
        """It is known whose key pays: the holder of this account. The second time does nothing."""
        who = self._gate.name("key", str(account))
        if who not in self._tallies:
            costs = {Metric.TOKENS: self._counted or 0, Metric.REQUESTS: 1}
            await self._enter(self._gate.parts.of_key, who, costs)

    def listen(self, send: Send) -> Send:
        """Stand between the response and the client, to tell what is left."""

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start" and self._standings:
                headers = [*message["headers"], *_headers(list(self._standings.values()))]
                message = {**message, "headers": headers}
            await send(message)

        return telling

    def end(self) -> None:
        """Give back what was taken, and count what was used. Never waits, never raises."""
        for who in self._slots:
            self._gate.parts.slots.give(who, self._exchange.request_id)
        receipt = self._exchange.receipt
        if receipt is None or not self._tallies:
            return
        used = receipt.usage.input + receipt.usage.completion
        if (rest := used - (self._counted or 0)) > 0:
            self._gate.later(self._tally(rest))

    async def _enter(
        self, limits: Limits, who: str, costs: Mapping[Metric, int], *, slot: bool = True
    ) -> None:
        parts = self._gate.parts
        if not limits or parts.fuse.blown:
            return
        try:
            if slot and limits.at_once:
                await self._take_slot(limits, who)
            await self._count(limits, who, costs)
        except StorageError as error:
            parts.fuse.blow(error.storage_error)

    async def _take_slot(self, limits: Limits, who: str) -> None:
        taken = await self._gate.parts.slots.take(who, limits.at_once, self._exchange.request_id)
        if taken:
            self._slots.append(who)
            return
        name = f"{limits.scope}_concurrency_max"
        raise TooManyAtOnce(
            f"More than {limits.at_once} requests of one {limits.scope} at the same time. "
            "Nothing was charged.",
            details={"limit_name": name, "metric": "concurrency", "limit": limits.at_once},
            headers=_SOON,
        )

    async def _count(self, limits: Limits, who: str, costs: Mapping[Metric, int]) -> None:
        counters = self._gate.parts.counters
        counted: list[tuple[Bound, int]] = []
        for metric, cost in costs.items():
            if (bound := limits.bounds.get(metric)) is None:
                continue
            standing = await counters.look(bound, who)
            if standing.remaining < max(cost, 1):
                self._note(standing)
                raise _refusal(standing, cost)
            self._note(Standing(bound, standing.remaining - cost, standing.reset_s))
            counted.append((bound, cost))
        for bound, cost in counted:
            if bound.metric is Metric.TOKENS:
                self._tallies[who] = bound
            if cost and not await counters.add(bound, who, cost):
                raise _refusal(await counters.look(bound, who), cost)  # another was faster

    async def _tally(self, tokens: int) -> None:
        parts = self._gate.parts
        if parts.fuse.blown:
            return
        try:
            for who, bound in self._tallies.items():
                await parts.counters.add(bound, who, tokens)
        except StorageError as error:
            parts.fuse.blow(error.storage_error)

    def _note(self, standing: Standing) -> None:
        """Of two limits of the same kind the client is told the one that it meets first."""
        metric = standing.bound.metric
        known = self._standings.get(metric)
        if known is None or standing.remaining < known.remaining:
            self._standings[metric] = standing


def _refusal(standing: Standing, cost: int) -> RateLimitError:
    bound, wait = standing.bound, max(1, ceil(standing.reset_s))
    details = {
        "limit_name": bound.name,
        "metric": bound.metric.value,
        "limit": bound.amount,
        "used": bound.amount - standing.remaining,
        "requested": cost,
    }
    if cost > bound.amount:
        return RateLimitError(
            f"The request has about {cost} tokens; the limit of one {bound.scope} is "
            f"{bound.amount} in a minute. Nothing was charged.",
            details=details,
            headers=_NEVER,
        )
    return RateLimitError(
        f"The limit of one {bound.scope} is {bound.amount} {bound.metric} in a minute. "
        f"Try again in {wait} s. Nothing was charged.",
        details={**details, "retry_after_seconds": wait},
        headers={"Retry-After": str(wait)},
    )


def _headers(standings: Sequence[Standing]) -> list[Header]:
    """What is left, under the names of OpenAI's headers."""
    told: list[Header] = []
    for standing in standings:
        metric = standing.bound.metric.encode()
        told += [
            (b"x-ratelimit-limit-%b" % metric, b"%d" % standing.bound.amount),
            (b"x-ratelimit-remaining-%b" % metric, b"%d" % standing.remaining),
            (b"x-ratelimit-reset-%b" % metric, b"%ds" % ceil(standing.reset_s)),
        ]
    return told
