"""Traces, if the operator named a collector of them."""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Final
from urllib.parse import urlsplit

from routstr.core.clock import Clock
from routstr.core.settings import Settings
from routstr.core.tor import is_own
from routstr.core.tracing import Tracer

STOP_SECONDS: Final = 3.0
"""How long the last spans may take."""
_AWAY: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is outside of the own network, and traces do not go through Tor: "
    "with TOR_ALL name a collector on this machine or in the own network"
)
_MISSING: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the packages for it are not installed: "
    "pip install 'routstr[otel]'"
)


def open_tracing(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Tracer | None:
    """Begin to trace; the last spans are sent when the stack ends. ``ValueError``: it cannot be."""
    if not settings.otel_exporter_otlp_endpoint:
        return None
    collector = urlsplit(settings.otel_exporter_otlp_endpoint).hostname or ""
    if settings.tor_all and not is_own(collector):
        raise ValueError(_AWAY)
    try:
        from routstr.core.otel import OtelTracer, exporting  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ValueError(_MISSING) from error
    provider = exporting(settings.otel_exporter_otlp_endpoint)

    async def close() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.to_thread(provider.shutdown)

    stack.push_async_callback(close)
    return OtelTracer(provider, clock)
