"""The gate before the paid routes, whichever they are."""

from collections.abc import Mapping
from typing import Final

from routstr.core.rendering import Protocol
from routstr.proxy.exchange import Exchange
from routstr.proxy.forms import Form
from routstr.proxy.hot import Finder, Serve, Upload
from routstr.proxy.limits.gate import Gate
from routstr.proxy.wire import Credentials

_ANTHROPIC: Final = "/v1/messages"


def limited(gate: Gate, routes: Mapping[str, Serve | Upload]) -> Mapping[str, Serve | Upload]:
    """The same routes behind a gate."""
    return {endpoint: guarded(gate, endpoint, serve) for endpoint, serve in routes.items()}


def guarded(gate: Gate, endpoint: str, serve: Serve | Upload) -> Serve | Upload:
    """The same route behind a gate; refusals are told in the words of its endpoint."""
    words = Protocol.ANTHROPIC if endpoint.startswith(_ANTHROPIC) else Protocol.OPENAI
    if isinstance(serve, Upload):
        serve_form = serve.serve

        async def take_form(exchange: Exchange, credentials: Credentials, form: Form) -> None:
            exchange.protocol = words
            async with gate.visit(exchange):
                await serve_form(exchange, credentials, form)

        return Upload(take_form)
    serve_body = serve

    async def take_body(exchange: Exchange, credentials: Credentials, body: bytes) -> None:
        exchange.protocol = words
        async with gate.visit(exchange):
            await serve_body(exchange, credentials, body)

    return take_body


class GuardedFinder:
    """The same other routes behind a gate."""

    __slots__ = ("_finder", "_gate")

    def __init__(self, gate: Gate, finder: Finder) -> None:
        self._gate: Final = gate
        self._finder: Final = finder

    def find(self, method: str, raw_path: bytes) -> tuple[str, Serve | Upload] | None:
        """See :class:`routstr.proxy.hot.Finder`."""
        found = self._finder.find(method, raw_path)
        return found and (found[0], guarded(self._gate, *found))
