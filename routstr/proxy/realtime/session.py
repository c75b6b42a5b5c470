"""A conversation: events from the client to the provider and back until one of them has gone.

==============================  ===================================================================
it ends because                 then
==============================  ===================================================================
the client leaves, or reads     responses under way are cancelled and heard out for a while, then
nothing any more                charged as reported, else as far as they were seen
the provider leaves or fails    what was served is charged, the rest given back; the client is told
nobody pays for what follows    what was begun is served to its end; the client is told
nobody says anything, or it     as above
lasts too long
the node stops                  the server closes with 1012, which is the client leaving
==============================  ===================================================================

An error is told as an ``error`` event; the close code is then 4000 and its HTTP status, the reason
its code.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Final

from routstr.errors import (
    RoutstrError,
    SessionExpired,
    UpstreamError,
    UpstreamTimeout,
)
from routstr.proxy.fields import encode
from routstr.proxy.realtime import news as told
from routstr.proxy.realtime.client import ClientLeft, ClientSocket
from routstr.proxy.realtime.listener import Books, Listener
from routstr.proxy.realtime.news import News, Outcome, Transcript, read_news
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.socket import Socket

NORMAL: Final = 1000
ERROR_CLOSE: Final = 4000
_CANCEL: Final = '{"type":"response.cancel"}'


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a conversation may be silent on both sides, and last at all, in seconds.

    ``look_s``: how often that is looked at.
    """

    idle_s: float = 600
    total_s: float = 3_600
    look_s: float = 0.5


USUAL_BOUNDS: Final = SessionLimits()


class Session:
    """One conversation, from the upgrade to the end. Call it once."""

    __slots__ = (
        "_bounds",
        "_client",
        "_ear",
        "_left",
        "_limits",
        "_listener",
        "_provider",
        "_provider_name",
        "_setup",
        "_tab",
        "_told_at",
    )

    def __init__(
        self,
        client: ClientSocket,
        provider: Socket,
        provider_name: str,
        books: Books,
        limits: UpstreamLimits,
        bounds: SessionLimits,
    ) -> None:
        self._client: Final = client
        self._provider: Final = provider
        self._provider_name: Final = provider_name
        self._tab: Final = books.tab
        self._ear: Final = books.ear
        self._setup: Final = books.setup
        self._listener: Final = Listener(client, provider, books)
        self._limits: Final = limits
        self._bounds: Final = bounds
        self._told_at = asyncio.get_running_loop().time()
        """When the provider last said something; never, while the client does not read it."""
        self._left = False

    async def __call__(self) -> RoutstrError | None:
        """Serve it; what ended it, None for an end in good order. All holds have ended then."""
        up = asyncio.create_task(self._listener())
        down = asyncio.create_task(self._relay())
        problem: RoutstrError | None = None
        cancelled = False
        try:
            problem = await self._watch(up, down)
            of_provider = problem is None or isinstance(problem, UpstreamError)
            cancelled = self._left or not of_provider
            if cancelled:
                await self._hear_out(down)
        finally:
            await _stop(up, down)
            await self._tab.end(left=cancelled)
            await self._ear.end(left=cancelled)
            await self._provider.close()
        if not self._left:
            await self._say_goodbye(problem)
        return problem

    async def _watch(self, up: asyncio.Task[None], down: asyncio.Task[None]) -> RoutstrError | None:
        began = asyncio.get_running_loop().time()
        while True:
            await asyncio.wait(
                {up, down}, timeout=self._bounds.look_s, return_when=asyncio.FIRST_COMPLETED
            )
            for task in (up, down):
                if task.done():
                    return self._reason(task)
            if self._left:
                return None
            now = asyncio.get_running_loop().time()
            heard_at, asked_at = self._listener.heard_at, self._listener.asked_at
            if not self._tab.quiet and now - max(self._told_at, asked_at) > self._limits.idle_s:
                return UpstreamTimeout("The provider fell silent.")
            silent = now - max(self._told_at, heard_at) > self._bounds.idle_s
            if silent or now - began > self._bounds.total_s:
                return SessionExpired()

    def _reason(self, task: asyncio.Task[None]) -> RoutstrError | None:
        try:
            task.result()
        except ClientLeft:
            self._left = True
        except RoutstrError as error:
            return error
        return self._tab.lapsed if self._tab.over else None

    async def _relay(self) -> None:
        tab = self._tab
        while not tab.over and (text := await self._provider.receive()) is not None:
            news = read_news(text)
            shown = await self._take(text, news)
            self._told_at = inf
            try:
                await self._show(shown)
            except ClientLeft:
                self._left = True  # the provider is heard out all the same
            self._told_at = asyncio.get_running_loop().time()
            if self._left and self._quiet:
                return

    async def _show(self, event: str | None) -> None:
        if self._left:
            return
        if event is not None:
            await self._client.send(event)
        if self._tab.lapsed is not None:
            await self._client.tell(self._tab.lapsed)

    async def _take(self, text: str, news: News) -> str | None:
        """Note what concerns the node; what the client gets of it."""
        tab = self._tab
        if news.type in told.PRIVATE:
            return None
        if news.type == told.CREATED:
            await tab.begin(Outcome(text, news).id)
        elif news.type == told.DONE:
            outcome = Outcome(text, news)
            receipt = await tab.finish(outcome)
            return None if receipt is None else outcome.with_cost(receipt, self._provider_name)
        elif news.type in told.SESSIONS:
            self._setup.tell(news.settings, answers=news.type == told.UPDATED)
        elif news.type == told.ERROR:
            event_id = str(news.trouble.get("event_id"))
            await tab.refused(event_id)
            self._setup.refuse(event_id)
            return told.cleaned(text, news)
        else:
            return await self._take_heard(text, news)
        return text

    async def _take_heard(self, text: str, news: News) -> str:
        """The same for what is about sound, or of no matter."""
        if news.type == told.COMMITTED:
            self._ear.take_item(news.item_id or "")
        elif news.type == told.CLEARED:
            self._ear.clear()
        elif news.type in {told.TRANSCRIPT, told.TRANSCRIPT_FAILED}:
            transcript = Transcript(text, news)
            receipt = await self._ear.finish(transcript)
            return text if receipt is None else transcript.with_cost(receipt, self._provider_name)
        else:
            self._tab.see(news, self._limits.answer_bytes)
        return text

    # the end

    @property
    def _quiet(self) -> bool:
        return self._tab.quiet and self._ear.quiet

    async def _hear_out(self, down: asyncio.Task[None]) -> None:
        """The client has gone: have what is under way ended, and wait for what it has cost."""
        if self._quiet or down.done():
            return
        with suppress(UpstreamError, TimeoutError):
            async with asyncio.timeout(self._limits.drain_s):
                await self._provider.send(_CANCEL)
                for response in self._tab.running:
                    cancel = {"type": "response.cancel", "response_id": response}
                    await self._provider.send(encode(cancel).decode())
                while not self._quiet and not down.done():
                    await asyncio.wait({down}, timeout=0.05)

    async def _say_goodbye(self, problem: RoutstrError | None) -> None:
        with suppress(ClientLeft):
            if problem is None:
                await self._client.close(NORMAL, "")
                return
            await self._client.tell(problem)
            await self._client.close(ERROR_CLOSE + problem.http_status, problem.code)


async def _stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at: the first reason is the one that counts
