"""The holds of one conversation: each response has its own, and it is there before the response.

::

    spare ──response.create──> promised ──response.created──> running ──response.done──> settled
      └──────────────response.created (the provider begins by itself)──┘

The spare hold pays for the response that comes next. Where the provider begins responses by itself
there is always one, large enough for all that the provider has been given; whoever cannot pay for
the next one is heard no more, and the conversation ends with the last response that is paid for.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from routstr.core.logging import get_logger
from routstr.errors import PaymentError, RoutstrError, UpstreamError
from routstr.money import Msat
from routstr.payment.metering import Meter, Receipt
from routstr.payment.tokens import output_estimate
from routstr.payment.usage import Media, Usage, complete_usage
from routstr.proxy.realtime.news import News, Outcome
from routstr.proxy.realtime.reading import PCM_BYTES, SPOKEN_TOKENS, Reading
from routstr.proxy.realtime.setup import Setup
from routstr.proxy.sale import believable

RESPONSES_MAX: Final = 10_000
"""In one conversation; each is remembered, so that none is charged twice."""
_log: Final = get_logger(__name__)


@dataclass(slots=True)
class Paid:
    """A hold, and what is known of the response that it pays for.

    ``written``: the tokens that it may have; ``read``: those that it has probably read.
    """

    meter: Meter
    written: int
    read: int = 0
    texts: list[str] = field(default_factory=list)
    sound: int = 0
    size: int = 0

    @property
    def estimate(self) -> Usage:
        """What was used, as far as it was seen here."""
        spoken = -(-self.sound * SPOKEN_TOKENS // PCM_BYTES)
        wrote = output_estimate("".join(self.texts)) + spoken
        media = Media(audio_output=spoken) if spoken else None
        return Usage(self.read, wrote, reported=False, media=media)


class Desk(Protocol):
    """Where holds are made; ``limit``: most tokens of the response, None: all that it can."""

    def need(self, limit: int | None) -> Msat: ...
    async def hold(self, limit: int | None) -> Paid: ...
    def likely(self) -> int: ...
    def charged(self, receipt: Receipt) -> None: ...


class Tab:
    """All of one conversation. :meth:`open` it before the provider is connected."""

    __slots__ = (
        "_desk",
        "_done",
        "_lock",
        "_promised",
        "_reading",
        "_running",
        "_setup",
        "_spare",
        "lapsed",
    )

    def __init__(self, desk: Desk, setup: Setup, reading: Reading) -> None:
        self._desk: Final = desk
        self._setup: Final = setup
        self._reading: Final = reading
        self._lock: Final = asyncio.Lock()
        self._spare: Paid | None = None
        self._promised: Final[deque[tuple[str, Paid]]] = deque()
        self._running: Final[dict[str, Paid]] = {}
        self._done: Final[set[str]] = set()
        self.lapsed: RoutstrError | None = None
        """Why nothing further can be paid for; what was begun is."""

    @property
    def quiet(self) -> bool:
        """Whether no response is asked for or under way."""
        return not self._promised and not self._running

    @property
    def over(self) -> bool:
        """Whether the last response that could be paid for has ended."""
        return self.lapsed is not None and self.quiet

    @property
    def running(self) -> tuple[str, ...]:
        """The ids of responses under way."""
        return tuple(self._running)

    async def open(self) -> Paid:
        """Hold for the first response. Raises what says that nobody pays."""
        self._spare = await self._desk.hold(None)
        return self._spare

    async def cover(self) -> None:
        """Before the provider is given more: hold enough for what it may begin with it.

        Raises what says that nobody pays; then it may not be given.
        """
        if self._setup.automatic:
            async with self._lock:
                await self._grow(self._setup.max_output)

    async def promise(self, event_id: str, limit: int | None) -> None:
        """Before the provider is asked for a response: hold for it. Raises as above."""
        async with self._lock:
            await self._grow(limit)
            spare, self._spare = self._spare, None
            assert spare is not None, "it was just held"
            self._promised.append((event_id, spare))
            await self._refill()

    async def refused(self, event_id: str) -> None:
        """The provider does not begin what it was asked for."""
        for promise in self._promised:
            if promise[0] == event_id:
                self._promised.remove(promise)
                await promise[1].meter.release()
                return

    async def begin(self, response: str) -> None:
        """The provider has begun a response. Raises when nobody pays for it."""
        async with self._lock:
            if response in self._running:
                return
            if response in self._done:
                raise UpstreamError("The provider has used the id of a response twice.")
            if len(self._done) >= RESPONSES_MAX:
                raise UpstreamError("The conversation has had too many responses.")
            if self._promised:
                paid = self._promised.popleft()[1]
            else:
                paid = self._spare or await self._desk.hold(self._setup.max_output)
                self._spare = None
            paid.read = self._desk.likely()
            self._running[response] = paid
            await self._refill()

    def see(self, news: News, bytes_max: int) -> None:
        """A part of a response has come. Raises :class:`UpstreamError` when it has no end."""
        paid = self._running.get(news.response_id or "")
        if paid is None:
            return
        if text := news.text:
            paid.texts.append(text)
            paid.size += len(text)
        elif sound := news.sound:
            paid.sound += sound
            paid.size += sound
        if paid.size > bytes_max:
            raise UpstreamError("The provider's response is too large.")

    async def finish(self, outcome: Outcome) -> Receipt | None:
        """A response has ended: charge for it. None for one that was charged before."""
        if outcome.id in self._done:
            return None
        await self.begin(outcome.id)
        paid = self._running.pop(outcome.id)
        if outcome.id:
            self._done.add(outcome.id)
        return await self._charge(paid, outcome.usage, failed=outcome.status == "failed")

    async def end(self, *, left: bool) -> None:
        """End all holds: charge what has been served, and give the rest back.

        ``left``: the client has gone meanwhile; what was read for it is charged, too.
        """
        begun = list(self._running.values())
        if left:
            begun += [paid for _, paid in self._promised]
        self._running.clear()
        self._promised.clear()
        for paid in begun:
            await self._charge(paid, None, failed=not left)

    async def _charge(self, paid: Paid, reported: Usage | None, *, failed: bool) -> Receipt:
        usage, used = reported, paid.estimate
        if not believable(usage):
            nothing = usage is None or not (usage.input or usage.completion)
            if failed and nothing and not used.completion:
                return await paid.meter.release()
            usage = complete_usage(usage, used)
        receipt = await paid.meter.settle(usage)
        self._desk.charged(receipt)
        more = usage.completion if usage.reported else max(usage.completion, paid.written)
        self._reading.add_output(more)
        if receipt.uncollected:
            _log.warning(
                "the provider reported more than was held",
                uncollected_msat=int(receipt.uncollected),
                input_tokens=usage.input,
                output_tokens=usage.completion,
            )
        return receipt

    async def _refill(self) -> None:
        """Where responses begin by themselves: hold for the next one, or let nothing follow."""
        if not self._setup.automatic or self._spare is not None or self.lapsed is not None:
            return
        try:
            self._spare = await self._desk.hold(self._setup.max_output)
        except RoutstrError as error:
            self.lapsed = error

    async def _grow(self, limit: int | None) -> None:
        """Have a spare hold that is large enough."""
        spare = self._spare
        if spare is not None and spare.meter.held >= self._desk.need(limit):
            return
        try:
            self._spare = await self._desk.hold(limit)
        except PaymentError as error:
            if spare is None or not _frees(error, spare.meter.held):
                raise
            self._spare = None
            await spare.meter.release()
            self._spare = await self._desk.hold(limit)
            return
        if spare is not None:
            await spare.meter.release()


def _frees(error: PaymentError, held: Msat) -> bool:
    """Whether a hold would have been made if another one of this account had been given back."""
    there = error.details.get("available", error.details.get("left"))
    needed = error.details.get("required")
    if type(there) is not int or type(needed) is not int:
        return False
    return there + int(held) >= needed
