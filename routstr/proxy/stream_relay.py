"""A provider's answer as a stream of events: passed on as it comes, settled before it ends.

The response starts with the first bytes there are to send, and ends with an event that tells the
cost, as the endpoint's dialect writes it.

==========================================  ======================================================
what happens                                is
==========================================  ======================================================
it ends, usage reported                     charged as reported, at most the hold
it ends, usage missing or impossible        charged by estimate: prompt + what was streamed
it fails before anything was sent           refused with the error, nothing charged
it ends before anything was sent            the same, unless it reported usage
it fails later (broken, silent, error,      charged as reported or by estimate; cost event, then
too large)                                  an error event, no ``[DONE]``
the client leaves, or stops reading         read on for the usage, for a while; then as reported
                                            or by estimate, with at least the prompt
the node stops (DRAIN_SECONDS)              as if it had failed: ``shutting_down``
the task is cancelled                       charged as reported or by estimate, at once
==========================================  ======================================================
"""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Final

from msgspec.structs import replace

from routstr.core.rendering import Header
from routstr.errors import Draining, RoutstrError, UpstreamError, UpstreamTimeout
from routstr.payment.metering import Receipt
from routstr.proxy.departure import Departure
from routstr.proxy.sale import Sale, believable
from routstr.upstream.client import Answer, UpstreamLimits
from routstr.upstream.faults import NOTHING_CHARGED, refusal_inside

END_SECONDS: Final = 1.0
"""How long a provider that said ``[DONE]`` may take to end its stream."""

_HEADERS: Final[list[Header]] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # or nginx would hold the events back
]
PART_CHARGED: Final = "What was delivered is charged."


class StreamRelay:
    """The response to one paid stream. Call it once; when it returns, the hold has ended."""

    __slots__ = (
        "_answer",
        "_departure",
        "_fault",
        "_gave_up",
        "_limits",
        "_sale",
        "_scanner",
        "_sending",
        "_stopped",
    )

    def __init__(
        self, sale: Sale, answer: Answer, departure: Departure, limits: UpstreamLimits
    ) -> None:
        self._sale: Final = sale
        self._answer: Final = answer
        self._departure: Final = departure
        self._limits: Final = limits
        self._scanner: Final = sale.dialect.scanner(limits.event_bytes)
        self._fault: UpstreamError | None = None
        self._gave_up = False
        self._sending = False
        self._stopped = False

    @property
    def fault(self) -> UpstreamError | None:
        """How the provider failed after it had begun; None when it did not, or the client left."""
        return self._fault

    async def __call__(self) -> None:
        """Relay and settle. Raises :class:`UpstreamError` when nothing was sent nor charged."""
        try:
            # a task of its own, or every event would wake all who wait for this one, layer by layer
            await asyncio.get_running_loop().create_task(self._relay())
            if not self._scanner.done:
                self._answer.close()  # whatever it still does, it does for nobody
            await self._close()
            await self._let_end()
        finally:
            self._answer.close()
            if self._billable and self._sale.meter.receipt is None:
                await self._settle()

    @property
    def _billable(self) -> bool:
        """Something was delivered, or the client left what it would have got."""
        scanner = self._scanner
        answered = bool(scanner.last) or scanner.usage is not None
        return self._sale.exchange.started or (self._departure.gone and (answered or self._gave_up))

    async def _relay(self) -> None:
        """Pass events on until the stream ends; remember what ended it early, if anything did."""
        while True:
            try:
                with self._departure.deadline:
                    await self._pump()
            except TimeoutError:
                if self._departure.deadline.cut:
                    self._stopped = True
                elif self._sending:
                    self._sending = False
                    self._departure.leave()  # a client that reads nothing is as good as gone
                    continue
                elif self._departure.gone:
                    self._gave_up = True
                else:
                    self._fault = UpstreamTimeout("The provider fell silent.")
            except UpstreamError as error:
                self._fault = error
            return

    def _failure(self) -> RoutstrError | None:
        """What went wrong, with a word on the money; None when nothing did."""
        note = PART_CHARGED if self._sale.exchange.started else NOTHING_CHARGED
        if self._scanner.error is not None:
            return refusal_inside(self._scanner.error, self._sale.service.model, note)
        if self._stopped:
            return Draining(f"The node is shutting down. {note}")
        fault = self._fault
        if fault is not None:
            fault.message = f"{fault.message.removesuffix(NOTHING_CHARGED).rstrip()} {note}"
        return fault

    async def _pump(self) -> None:
        limits, scanner, departure = self._limits, self._scanner, self._departure
        deadline, exchange = departure.deadline, self._sale.exchange
        chunk, feed, write = self._answer.chunk, scanner.feed, exchange.write
        while not scanner.done:
            deadline.due = monotonic() + limits.idle_s
            piece = await chunk()
            passed = feed(piece) if piece else scanner.end()
            if passed and not departure.gone:
                deadline.due = monotonic() + limits.stall_s
                self._sending = True
                if not exchange.started:
                    await exchange.start(200, _HEADERS + self._sale.headers)
                await write(passed)
                self._sending = False
            if not piece or (departure.gone and scanner.closing is not None):
                return
            if scanner.error is not None:
                deadline.shorten(limits.drain_s)
            if scanner.seen_bytes > limits.answer_bytes:
                raise UpstreamError("The provider's answer is too large.")

    async def _close(self) -> None:
        """Settle and end the response, or raise if it need not begin."""
        scanner, exchange = self._scanner, self._sale.exchange
        fault = self._failure()
        if not self._billable:
            if fault is not None:
                raise fault
            if scanner.usage is None:
                raise UpstreamError(f"The provider's stream was empty. {NOTHING_CHARGED}")
        sale = self._sale
        try:
            receipt = await self._settle(change=not self._departure.gone)
        except RoutstrError as error:
            if exchange.started:
                await self._finish(self._error_event(error))
            raise
        tail = sale.dialect.closing(scanner, receipt, sale.service)
        if fault is not None:
            tail += self._error_event(fault)
        await self._finish(tail + sale.dialect.ended(scanner))

    async def _finish(self, tail: bytes) -> None:
        departure, exchange = self._departure, self._sale.exchange
        if departure.gone:
            return
        departure.deadline.due = monotonic() + self._limits.stall_s
        try:
            with departure.deadline:
                if not exchange.started:
                    await exchange.start(200, _HEADERS + self._sale.headers)
                await exchange.write(tail, last=True)
        except TimeoutError:
            departure.leave()

    async def _let_end(self) -> None:
        """Read to the very end, so that the connection can serve the next request."""
        departure = self._departure
        if not self._scanner.done or departure.gone:
            return
        departure.deadline.due = monotonic() + END_SECONDS
        with suppress(TimeoutError, UpstreamError), departure.deadline:
            while await self._answer.chunk():
                pass

    async def _settle(self, *, change: bool = False) -> Receipt:
        scanner = self._scanner
        usage = scanner.usage
        tokens = 0
        doubted = not believable(usage) or scanner.outdated
        if doubted or self._sale.pardons:
            tokens = self._sale.dialect.streamed_tokens(scanner)
            if doubted and usage is not None and usage.completion < tokens:
                usage = replace(usage, completion=0)  # told before the output came
        end = self._sale.close if change else self._sale.settle
        return await end(usage, tokens)

    def _error_event(self, error: RoutstrError) -> bytes:
        exchange = self._sale.exchange
        exchange.code = error.code
        return self._sale.dialect.broken(exchange.render(error).body)
