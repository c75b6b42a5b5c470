"""Notices that the client has hung up, and then hurries the provider."""

import asyncio
from typing import Final

from starlette.types import Receive

from routstr.upstream.deadlines import Deadline, Deadlines


class Departure:
    """Listens, once told to, for the end of the client's connection.

    A server drops what is written to a client that has gone, without a word; only ``receive``
    tells. Listening takes a task, so it begins when a request lingers.
    """

    __slots__ = ("_drain_s", "_receive", "_task", "deadline", "gone")

    def __init__(
        self, receive: Receive, deadlines: Deadlines, *, patience_s: float, drain_s: float
    ) -> None:
        """``patience_s`` limits the wait for the provider, ``drain_s`` what is left of it after."""
        self._receive: Final = receive
        self._drain_s: Final = drain_s
        self._task: asyncio.Task[None] | None = None
        self.gone = False
        self.deadline: Final[Deadline] = deadlines.within(patience_s, on_linger=self.listen)

    def listen(self) -> None:
        """Begin to listen; a second call changes nothing. The body must have been read."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._listen())

    def leave(self) -> None:
        """Count the client as gone: from now on the provider has ``drain_s`` to finish."""
        if not self.gone:
            self.gone = True
            self.deadline.shorten(self._drain_s)

    def stop(self) -> None:
        """Stop to listen."""
        self.deadline.on_linger = None  # the two would keep each other alive
        task, self._task = self._task, None  # it will hold what it was doing, and that holds us
        if task is not None:
            task.cancel()

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.leave()
