"""Connects to one provider after another until one of them speaks.

As for every request: another provider is asked only after a fault of the one before, another key
when a key must rest, and only a provider whose worst response fits into what is held.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from routstr.core.logging import get_logger
from routstr.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable
from routstr.upstream.blame import Blame
from routstr.upstream.carrier import Line
from routstr.upstream.headers import RawHeaders
from routstr.upstream.routing import Choice
from routstr.upstream.socket import Socket, connect

ENDPOINT: Final = "/v1/realtime"
PATH: Final = "realtime"
_ITS_KEY: Final = frozenset({Blame.BUSY, Blame.KEY, Blame.MODEL})
_log: Final = get_logger(__name__)


async def dial(
    choices: Sequence[Choice], received: RawHeaders, fits: Callable[[Choice], bool]
) -> tuple[Choice, Socket]:
    """Connect. ``received`` are the client's headers. Raises what the client gets."""
    problems: list[UpstreamError] = []
    asked = False
    for choice in choices:
        if choice.forced and asked:
            break
        if fits(choice):
            asked = True
            socket = await _call(choice, received, problems)
            if socket is not None:
                return choice, socket
    raise (
        problems[-1]
        if problems
        else UpstreamUnavailable(
            "No provider can serve this within its price. Nothing was charged."
        )
    )


async def _call(
    choice: Choice, received: RawHeaders, problems: list[UpstreamError]
) -> Socket | None:
    """Connect to one provider, with one key after another; None: somebody else may be called."""
    carrier, model = choice.carrier, choice.entry.upstream_id
    now = asyncio.get_running_loop().time
    tried: tuple[Line, ...] = ()
    while True:
        permit = carrier.breaker.enter(now())
        if not permit and not choice.forced:
            return None
        line = carrier.line(now(), model, tried, resting=choice.forced)
        if line is None:
            carrier.breaker.left(permit)
            return None
        try:
            socket = await _attempt(choice, line, received)
        except UpstreamError as error:
            fault = carrier.failed(line, error, permit, model=model, now=now())
            _log.warning("attempt_failed", provider=carrier.name, model=model, code=error.code)
            problems.append(error)
            if carrier.may_lack(error):
                carrier.lacks(ENDPOINT)
            elif fault is Blame.CLIENT:
                raise
            if fault not in _ITS_KEY:
                return None
            tried += (line,)
        except BaseException:
            carrier.breaker.left(permit)
            raise
        else:
            carrier.worked(line)
            return socket


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
