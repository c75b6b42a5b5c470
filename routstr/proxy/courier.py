"""Asks one provider after another for what is no plain JSON POST, until one of them answers.

The rules are those of :mod:`routstr.proxy.delivery`: another provider is asked only after a fault
of the one before and before the first byte, another key when a key must rest; a refusal that is
the client's own goes to the client. A body is sent again from its beginning.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from msgspec.structs import replace

from routstr.core.logging import get_logger
from routstr.errors import RoutstrError, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from routstr.proxy.departure import Departure
from routstr.proxy.exchange import Exchange
from routstr.upstream.blame import Blame
from routstr.upstream.carrier import Line
from routstr.upstream.client import Answer
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.endpoint import Success
from routstr.upstream.passage import Call
from routstr.upstream.routing import Choice

_OK: Final = range(200, 300)
_ITS_KEY: Final = frozenset({Blame.BUSY, Blame.KEY, Blame.MODEL})
_log: Final = get_logger(__name__)

Whole = Callable[[Answer], bool]
"""Whether an answer is read to its end before anything is done with it."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a provider answered."""

    choice: Choice
    success: Success


class Courier:
    """One request's way to its providers. To be stopped in the end."""

    __slots__ = ("_asked", "_choices", "_exchange", "_problem", "departure")

    def __init__(self, exchange: Exchange, deadlines: Deadlines, choices: Sequence[Choice]) -> None:
        limits = choices[0].carrier.profile.limits
        self._exchange: Final = exchange
        self._choices: Final = choices
        self._asked = False
        self._problem: RoutstrError | None = None
        self.departure: Final = Departure(
            exchange.receive, deadlines, patience_s=limits.first_byte_s, drain_s=limits.drain_s
        )

    async def ask(
        self, make: Callable[[Choice], Call | None], whole: Whole, *, resent: bool = True
    ) -> Delivered:
        """Ask until somebody answers. ``make`` gives the call for a provider, None to pass it over.

        ``resent``: the call may be made again elsewhere. Raises what the client gets, and
        :class:`TimeoutError` when the client has gone.
        """
        # one that was passed over since it was chosen is asked when there is nobody else
        late = (replace(choice, forced=True) for choice in self._choices if not choice.forced)
        for choice in chain(self._choices, late):
            if choice.forced and self._asked:
                break
            call = make(choice)
            if call is None:
                continue
            success = await self._offer(choice, make, whole, resent=resent)
            if success is not None:
                return Delivered(choice, success)
        raise self._problem or UpstreamUnavailable(
            "No provider can serve this within its price. Nothing was charged."
        )

    async def _offer(
        self,
        choice: Choice,
        make: Callable[[Choice], Call | None],
        whole: Whole,
        *,
        resent: bool,
    ) -> Success | None:
        carrier, model = choice.carrier, choice.entry.upstream_id
        tried: tuple[Line, ...] = ()
        now = asyncio.get_running_loop().time
        while True:
            permit = carrier.breaker.enter(now())
            if not permit and not choice.forced:
                return None
            line = carrier.line(now(), model, tried, resting=choice.forced)
            call = make(choice)
            if line is None or call is None:
                carrier.breaker.left(permit)
                return None
            self._asked = True
            try:
                success = await self._attempt(choice, line, call, whole)
            except UpstreamError as error:
                fault = carrier.failed(line, error, permit, model=model, now=now())
                self._problem = error
                if not resent or self._is_final(error, fault, now()):
                    raise
                _log.warning("attempt_failed", provider=carrier.name, model=model, code=error.code)
                if fault not in _ITS_KEY:
                    return None
                tried += (line,)
            except BaseException:
                carrier.breaker.left(permit)
                raise
            else:
                carrier.worked(line)
                return success

    async def _attempt(self, choice: Choice, line: Line, call: Call, whole: Whole) -> Success:
        departure, limits = self.departure, choice.carrier.profile.limits
        deadline = departure.deadline
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
            raise UpstreamTimeout from None

    def _is_final(self, error: UpstreamError, fault: Blame, now: float) -> bool:
        departure = self.departure
        late = now >= departure.deadline.never_after
        return fault is Blame.CLIENT or error.answered or departure.gone or late
