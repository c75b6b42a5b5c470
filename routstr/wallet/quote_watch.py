"""Watching unpaid quotes from their first second: the mint tells, or is asked again and again.

A mint that offers it (NUT-17) tells of payments over one connection for all of its quotes; each
quote is asked about besides, seldom then, so that nothing depends on the connection. Otherwise a
quote is asked about often at first and less and less (``quotes.pause_s``). Whose turn it is, among
the instances on a database, is decided there. Mints that are not listed any more are left alone.
"""

import asyncio
from functools import partial
from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.errors import RoutstrError
from routstr.wallet import quotes
from routstr.wallet.mint_errors import MintError
from routstr.wallet.mint_socket import QuoteSocket
from routstr.wallet.minting import Minter
from routstr.wallet.mints import Mints
from routstr.wallet.models import QuoteState
from routstr.wallet.quotes import Quote

_log = get_logger(__name__)

POLL_SECONDS: Final = 1.0
ASKING_MAX: Final = 8
"""Quotes that are asked about at the same time, in turn; clients that ask come beside."""
LISTENED_MAX: Final = 500
"""Quotes of one mint that are listened for; mints bound their subscriptions."""
_FIRST_RETRY_S: Final = 1.0
_RETRY_S_MAX: Final = 300.0
_IDLE_S: Final = 60.0
_NOT_OFFERED_S: Final = 900.0


class QuoteWatch:
    """Asks and listens; one per process."""

    def __init__(self, minter: Minter, mints: Mints, db: Database, clock: Clock) -> None:
        self._minter = minter
        self._mints = mints
        self._db = db
        self._clock = clock
        self._lines = {url: _Line() for url in mints.urls}
        minter.unpaid = self.want

    async def poll(self) -> None:
        """Begin to ask about the quotes whose turn it is; waits for no answer."""
        free = ASKING_MAX - self._minter.asking
        if free <= 0:
            return
        now, urls = self._clock.now_ms(), self._mints.urls
        for quote_id in await self._db.read(lambda c: quotes.due(c, urls, now, free)):
            listened = any(quote_id in line.heard for line in self._lines.values())
            self._minter.start(quote_id, listened=listened)

    def want(self, quote: Quote) -> None:
        """Listen for a quote while it may be paid in time."""
        line = self._lines.get(quote.mint)
        in_time = self._clock.now_ms() < quote.expires_at
        if line is None or not in_time or quote.state is not QuoteState.UNPAID:
            return
        if quote.mint_id not in line.wanted and len(line.wanted) < LISTENED_MAX:
            line.wanted[quote.mint_id] = quote
            line.changed.set()

    async def listen(self, url: str) -> None:
        """Listen to one mint for ever, while there is anything to listen for."""
        line = self._lines[url]
        pause_s = _FIRST_RETRY_S
        while True:
            await line.changed.wait()
            try:
                if not await self._is_offered(url, line):
                    line.forget()
                    await asyncio.sleep(_NOT_OFFERED_S)
                    continue
                async with self._mints.mint(url).quote_socket() as socket:
                    pause_s = _FIRST_RETRY_S
                    await self._hear(line, socket)
            except (MintError, RoutstrError) as error:
                _log.info("mint_not_listened_to", mint=url, reason=str(error))
            line.hang_up()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _RETRY_S_MAX)

    async def _is_offered(self, url: str, line: "_Line") -> bool:
        info = await self._mints.info(self._mints.mint(url))
        return any(info.tells_of_quotes(quote.unit.value) for quote in line.wanted.values())

    async def _hear(self, line: "_Line", socket: QuoteSocket) -> None:
        """Subscribe to what is wanted and pass hints on, until nothing is wanted any more."""
        hint = asyncio.create_task(socket.next())
        try:
            while line.wants(self._clock.now_ms()):
                line.changed.clear()
                for mint_id, quote in list(line.wanted.items()):
                    if quote.id not in line.heard:
                        await socket.watch(mint_id)
                        line.heard.add(quote.id)
                more = asyncio.create_task(line.changed.wait())
                await asyncio.wait({hint, more}, timeout=_IDLE_S, return_when="FIRST_COMPLETED")
                more.cancel()
                if hint.done():
                    told = line.drop(hint.result())
                    hint = asyncio.create_task(socket.next())
                    if told is not None:
                        await self._db.write(partial(quotes.hasten, quote_id=told.id))
        finally:
            hint.cancel()
            await asyncio.gather(hint, return_exceptions=True)


class _Line:
    """What is listened for at one mint: quotes by its ids, and which it was asked to tell."""

    def __init__(self) -> None:
        self.wanted: dict[str, Quote] = {}
        self.heard: set[int] = set()
        self.changed = asyncio.Event()

    def drop(self, mint_id: str) -> Quote | None:
        """Stop listening for a quote, and return it."""
        quote = self.wanted.pop(mint_id, None)
        if quote is not None:
            self.heard.discard(quote.id)
        return quote

    def wants(self, now_ms: int) -> bool:
        """Whether a quote is to be listened for; those that have expired are not any more."""
        for mint_id, quote in list(self.wanted.items()):
            if quote.expires_at <= now_ms:
                self.drop(mint_id)
        return bool(self.wanted)

    def hang_up(self) -> None:
        """Note that the connection is gone; what is wanted is asked for again by the next one."""
        self.heard.clear()
        if self.wanted:
            self.changed.set()
        else:
            self.changed.clear()

    def forget(self) -> None:
        """Listen for nothing: the mint does not offer it."""
        self.wanted.clear()
        self.heard.clear()
        self.changed.clear()
