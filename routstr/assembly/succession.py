"""Changed settings without a restart: another :class:`Running` takes over.

::

    open the new one ──fails──> the old one goes on, the error is told
      └─> agree() ──fails──> the new one is closed, the old one goes on
            └─> every request from now on comes to the new one; the old one ends what it has
                begun, at its own prices, and is closed
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from routstr.assembly.process import Process
from routstr.assembly.running import Running
from routstr.core.logging import get_logger
from routstr.core.settings import Settings

START_PROBLEMS: Final = (ValueError, SQLAlchemyError, OSError)
"""What an operator can mend: told in one line; anything else is a fault and shows its traceback."""
CONVERSATION_SECONDS: Final = 3_600
"""How long the old one waits at least, for conversations; then these go on without it."""

Agree = Callable[[], Awaitable[None]]
_log = get_logger(__name__)


class Succession:
    """Who serves now, and who still ends what it has begun."""

    def __init__(
        self, process: Process, api: FastAPI, installed: Callable[[Running], None]
    ) -> None:
        """``installed`` is told who serves from now on, and must not fail."""
        self._process: Final = process
        self._api: Final = api
        self._installed: Final = installed
        self._current: Running | None = None
        self._old: Final[dict[Running, asyncio.Task[None]]] = {}
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._taking_over: Final = asyncio.Lock()

    async def take_over(self, settings: Settings, agree: Agree | None = None) -> None:
        """Serve with these settings from now on. Not undone when the caller goes away.

        ``agree`` is called when nothing but its own failure can stop it any more. Raises what it
        raises, and :data:`START_PROBLEMS`; then nothing has changed.
        """
        task = asyncio.create_task(self._take_over(settings, agree))
        self._tasks.add(task)  # the loop alone would forget one that nobody awaits
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def close(self) -> None:
        """End everybody, without waiting for what is under way: the server has waited."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in self._old.values():
            task.cancel()
        await asyncio.gather(*self._old.values(), return_exceptions=True)
        for running in self._all():
            await running.close()

    def leave(self) -> None:
        """Say from now on that requests are to go elsewhere, and serve those that come."""
        for running in self._all():
            running.leaving = True

    def drain(self) -> None:
        """Refuse new paid requests from now on; those under way go on."""
        for running in self._all():
            running.hot.drain()

    def cut_short(self) -> None:
        """End what is under way as it stands: charged for what was delivered, and told so."""
        for running in self._all():
            running.deadlines.cut_short()

    def _all(self) -> tuple[Running, ...]:
        return (*self._old, *([self._current] if self._current else []))

    async def _take_over(self, settings: Settings, agree: Agree | None) -> None:
        async with self._taking_over:
            old, new = self._current, Running(self._process, settings, self._api)
            await new.open(old)
            if agree is not None:
                try:
                    await agree()
                except BaseException:
                    await new.close()
                    raise
            self._current = new
            self._process.logs.set_level(settings.log_level)
            self._installed(new)
            if old is not None:
                new.leaving = old.leaving
                self._old[old] = asyncio.create_task(self._end(old))
                _log.info("settings_taken_over")

    async def _end(self, old: Running) -> None:
        await old.retire(max(CONVERSATION_SECONDS, old.settings.upstream_total_seconds))
        await old.close()
        del self._old[old]
