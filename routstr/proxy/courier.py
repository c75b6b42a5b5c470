"""Asks one provider after another for what is no plain JSON POST, until one of them answers.

The rules are those of :mod:`routstr.proxy.delivery`: another provider is asked only after a fault
of the one before and before the first byte, another key when a key must rest; a refusal that is
the client's own goes to the client. A body is sent again from its beginning.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from routstr.errors import Draining, UpstreamError, UpstreamTimeout
from routstr.proxy.departure import Departure
from routstr.proxy.exchange import Exchange
from routstr.upstream.blame import Blame
from routstr.upstream.carrier import Line
from routstr.upstream.client import Answer
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.endpoint import Success
from routstr.upstream.passage import Call
from routstr.upstream.routing import Choice
from routstr.upstream.turns import Turns

_OK: Final = range(200, 300)

Make = Callable[[Choice], Call | None]
"""The call for a provider, each time anew; None to pass it over."""
Whole = Callable[[Answer], bool]
"""Whether an answer is read to its end before anything is done with it."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a provider answered."""

    choice: Choice
    success: Success


class Courier:
    """One request's way to its providers. To be stopped in the end."""

    __slots__ = ("_choices", "_exchange", "_turns", "departure")

    def __init__(self, exchange: Exchange, deadlines: Deadlines, choices: Sequence[Choice]) -> None:
        limits = choices[0].carrier.profile.limits
        self._exchange: Final = exchange
        self._choices: Final = choices
        self._turns: Final = Turns()
        self.departure: Final = Departure(
            exchange.receive, deadlines, patience_s=limits.first_byte_s, drain_s=limits.drain_s
        )

    async def ask(self, make: Make, whole: Whole, *, resent: bool = True) -> Delivered:
        """Ask until somebody answers.

        ``resent``: the call may be made again elsewhere. Raises what the client gets, and
        :class:`TimeoutError` when the client has gone.
        """
        for choice in self._turns.order(self._choices):
            if make(choice) is None:
                continue
            success = await self._offer(choice, make, whole, resent=resent)
            if success is not None:
                self._exchange.provider = choice.carrier.name
                self._exchange.hears()
                return Delivered(choice, success)
        raise self._turns.failure()

    async def _offer(
        self, choice: Choice, make: Make, whole: Whole, *, resent: bool
    ) -> Success | None:
        async def attempt(line: Line) -> Success:
            call = make(choice)
            assert call is not None  # it was one just now
            return await self._attempt(choice, line, call, whole)

        def again(error: UpstreamError, fault: Blame) -> bool:
            if not resent or self._is_final(error, fault):
                raise error
            return False

        if (trace := self._exchange.trace) is not None:
            name, model = choice.carrier.name, choice.entry.upstream_id
            return await self._turns.ask(
                choice, trace.each(attempt, provider=name, model=model), again
            )
        return await self._turns.ask(choice, attempt, again)

    async def _attempt(self, choice: Choice, line: Line, call: Call, whole: Whole) -> Success:
        departure, limits = self.departure, choice.carrier.profile.limits
        deadline = departure.deadline
        self._exchange.asks()
        try:
            with deadline:
                deadline.due = asyncio.get_running_loop().time() + limits.first_byte_s
                deadline.shorten(limits.total_s)
                return await choice.carrier.passage(line).ask(
                    self._exchange.scope["headers"],
                    call,
                    deadline,
                    model=choice.entry.id,
                    whole=whole,
                )
        except TimeoutError:
            if departure.gone:
                raise
            raise (Draining if departure.deadline.cut else UpstreamTimeout) from None

    def _is_final(self, error: UpstreamError, fault: Blame) -> bool:
        departure = self.departure
        late = asyncio.get_running_loop().time() >= departure.deadline.never_after
        return fault is Blame.CLIENT or error.answered or departure.gone or late
