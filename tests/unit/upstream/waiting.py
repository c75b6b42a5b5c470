"""Waiting for what happens on the other side of a socket."""

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], object], *, seconds: float = 3) -> None:
    """Return once ``true()``; fail when it takes too long."""
    for _ in range(int(seconds * 200)):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen in time")
