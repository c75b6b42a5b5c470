"""Connects to one provider after another until one of them speaks.

As for every request: another provider is asked only after a fault of the one before, another key
when a key must rest, and only a provider whose worst response fits into what is held.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from routstr.errors import UpstreamError, UpstreamTimeout
from routstr.upstream.blame import Blame
from routstr.upstream.carrier import Line
from routstr.upstream.headers import RawHeaders
from routstr.upstream.routing import Choice
from routstr.upstream.socket import Socket, connect
from routstr.upstream.turns import Turns

ENDPOINT: Final = "/v1/realtime"
PATH: Final = "realtime"


async def dial(
    choices: Sequence[Choice], received: RawHeaders, fits: Callable[[Choice], bool]
) -> tuple[Choice, Socket]:
    """Connect. ``received`` are the client's headers. Raises what the client gets."""
    turns = Turns()
    for choice in filter(fits, turns.order(choices)):
        socket = await _call(turns, choice, received)
        if socket is not None:
            return choice, socket
    raise turns.failure()


async def _call(turns: Turns, choice: Choice, received: RawHeaders) -> Socket | None:
    """Connect to one provider, with one key after another; None: somebody else may be called."""
    carrier = choice.carrier

    def again(error: UpstreamError, fault: Blame) -> bool:
        if carrier.may_lack(error):
            carrier.lacks(ENDPOINT)
        elif fault is Blame.CLIENT:
            raise error
        return False

    return await turns.ask(choice, lambda line: _attempt(choice, line, received), again)


async def _attempt(choice: Choice, line: Line, received: RawHeaders) -> Socket:
    carrier, model = choice.carrier, choice.entry.upstream_id
    limits = carrier.profile.limits
    url = line.provider.url(PATH, model).update_query(model=model)
    try:
        async with asyncio.timeout(limits.first_byte_s):
            return await connect(
                carrier.passage(line),
                received,
                url,
                PATH,
                model=choice.entry.id,
                bytes_max=limits.event_bytes,
            )
    except TimeoutError:
        raise UpstreamTimeout from None
