"""News for those who look at the overview: read once for all, and while there are any only."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

from routstr.core.logging import get_logger
from routstr.errors import DatabaseUnavailable

PAUSE_SECONDS: Final = 2.0
VIEWERS_MAX: Final = 20
LIFE_SECONDS: Final = 900.0
"""A stream ends after a while; the browser opens another, and has to be signed in still."""
_log: Final = get_logger(__name__)

T = TypeVar("T")


class Pulse(Generic[T]):
    """Gives everybody who watches what ``read`` returns, again and again."""

    def __init__(
        self,
        read: Callable[[], Awaitable[T]],
        *,
        pause_s: float = PAUSE_SECONDS,
        ended: Callable[[], bool] = lambda: False,
    ) -> None:
        """``ended``: the node stops, so every stream does."""
        self._read: Final = read
        self._pause_s: Final = pause_s
        self._ended: Final = ended
        self._closed = False
        self._beat: asyncio.Task[None] | None = None
        self._news: asyncio.Future[T | None] | None = None
        self.viewers = 0

    @property
    def full(self) -> bool:
        """Whether nobody more may watch."""
        return self._closed or self._ended() or self.viewers >= VIEWERS_MAX

    def close(self) -> None:
        """Send everybody away."""
        self._closed = True

    async def watch(self) -> AsyncIterator[T]:
        """What is new, from now on; to be closed in the end."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LIFE_SECONDS
        self.viewers += 1
        try:
            if self._beat is None:
                self._news = loop.create_future()
                self._beat = asyncio.create_task(self._run())
            while self._news is not None and loop.time() < until:
                told = await asyncio.shield(self._news)
                if told is None:
                    return
                yield told
        finally:
            self.viewers -= 1

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self.viewers and not self._closed and not self._ended():
                await asyncio.sleep(self._pause_s)
                with suppress(DatabaseUnavailable):
                    told, news = await self._read(), self._news
                    self._news = loop.create_future()
                    assert news is not None  # as long as this runs
                    news.set_result(told)
        finally:
            news, self._news, self._beat = self._news, None, None
            if news is not None and not news.done():
                news.set_result(None)
