"""What the two relays need to know of the request that they answer."""

from dataclasses import dataclass, field
from typing import Final, TypeGuard

from msgspec.structs import replace

from routstr.core.logging import get_logger
from routstr.core.rendering import Header
from routstr.core.tracing import SETTLE
from routstr.payment.metering import Meter, Receipt
from routstr.payment.usage import Usage, complete_usage
from routstr.proxy.dialects.base import Dialect, Service
from routstr.proxy.exchange import Exchange

_log: Final = get_logger(__name__)


@dataclass(slots=True)
class Sale:
    """One request that is being paid for.

    ``prompt`` is the node's own estimate of the input, with no output yet; ``headers`` go with a
    successful answer. ``pardons``: an answer that says nothing costs nothing.
    """

    exchange: Exchange
    meter: Meter
    dialect: Dialect
    service: Service
    prompt: Usage
    headers: list[Header]
    pardons: bool = field(default=False, kw_only=True)

    async def close(self, reported: Usage | None, output_tokens: int = 0) -> Receipt:
        """Settle, and give change to a payer that keeps no balance here."""
        if self.pardons and not output_tokens:
            self.exchange.hears()
            await self.meter.release()
        else:
            await self.settle(reported, output_tokens)
        return await self.finish()

    async def finish(self) -> Receipt:
        """After the charge: give change to a payer that keeps no balance here."""
        exchange, meter = self.exchange, self.meter
        exchange.change = await meter.give_change()
        assert meter.receipt is not None, "it was settled"
        exchange.receipt = meter.receipt
        return meter.receipt

    async def settle(self, reported: Usage | None, output_tokens: int = 0) -> Receipt:
        """Charge what was reported, or estimated where the report is missing or cannot be true."""
        if not believable(reported):
            estimate = replace(self.prompt, completion=output_tokens)
            reported = complete_usage(reported, estimate)
        return await self.charge(reported)

    async def charge(self, usage: Usage) -> Receipt:
        """Charge for a usage, at most what is held."""
        self.exchange.hears()
        work, trace = self.meter.settle(usage), self.exchange.trace
        receipt = await (work if trace is None else trace.around(SETTLE, work))
        self.exchange.receipt = receipt
        if receipt.uncollected:
            _log.warning(
                "the provider reported more than was held",
                model=self.service.model,
                provider=self.service.provider,
                uncollected_msat=int(receipt.uncollected),
                input_tokens=receipt.usage.input,
                output_tokens=receipt.usage.completion,
            )
        return receipt


def believable(reported: Usage | None) -> TypeGuard[Usage]:
    """Whether a report needs no estimate beside it."""
    if reported is None or reported.completion <= 0:
        return False
    return reported.prompt > 0 or reported.cache_read > 0 or reported.cache_write > 0
