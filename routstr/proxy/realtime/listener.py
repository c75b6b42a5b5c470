"""The way from the client to the provider: nothing passes before what it may lead to is held."""

import asyncio
from dataclasses import dataclass
from typing import Final

from routstr.errors import PaymentError, RequestError, RoutstrError
from routstr.proxy.realtime import wishes
from routstr.proxy.realtime.client import ClientSocket
from routstr.proxy.realtime.ear import Ear
from routstr.proxy.realtime.reading import Reading
from routstr.proxy.realtime.setup import Setup, read_limit
from routstr.proxy.realtime.tab import Tab
from routstr.proxy.realtime.wishes import Wish, read_wish
from routstr.upstream.socket import Socket


@dataclass(frozen=True, slots=True)
class Books:
    """What is known of a conversation: its holds, its settings, what the model was given."""

    tab: Tab
    ear: Ear
    setup: Setup
    reading: Reading


class Listener:
    """Reads what the client sends."""

    __slots__ = (
        "_client",
        "_ear",
        "_provider",
        "_reading",
        "_setup",
        "_tab",
        "asked_at",
        "heard_at",
    )

    def __init__(self, client: ClientSocket, provider: Socket, books: Books) -> None:
        self._client: Final = client
        self._provider: Final = provider
        self._tab: Final = books.tab
        self._ear: Final = books.ear
        self._setup: Final = books.setup
        self._reading: Final = books.reading
        self.asked_at = self.heard_at = asyncio.get_running_loop().time()
        """When the client last asked for a response, and last said anything."""

    async def __call__(self) -> None:
        """Listen until the client leaves (:class:`ClientLeft`) or can pay for nothing more."""
        while not self._tab.over:
            try:
                text = await self._client.receive()
                self.heard_at = asyncio.get_running_loop().time()
                wish = read_wish(text)
                await self._pass(wish)
            except (RequestError, PaymentError) as error:
                await self._client.tell(error)

    async def _pass(self, wish: Wish) -> None:
        tab = self._tab
        if tab.lapsed is not None and wish.type not in wishes.CLEARS:
            return  # the client was told
        try:
            text = await self._prepare(wish)
        except (RequestError, PaymentError) as error:
            if wish.event_id is not None:
                error.details = {**error.details, "event_id": wish.event_id}
            if isinstance(error, PaymentError) and wish.type != wishes.CREATE:
                self._tab.lapsed = self._tab.lapsed or error  # sound with a hole is no sound
            raise
        await self._provider.send(text)

    async def _prepare(self, wish: Wish) -> str:
        """Hold for what the event may lead to; the event for the provider."""
        reading = self._reading
        known = reading.most, reading.guess
        try:
            return await self._covered(wish)
        except RoutstrError:
            reading.most, reading.guess = known  # it is not passed on
            if wish.type == wishes.UPDATE:
                self._setup.refuse(wish.name())
            raise

    async def _covered(self, wish: Wish) -> str:
        rate = self._setup.bytes_per_second
        if wish.append is not None:
            self._reading.add_sound(wish.append.size, rate)
            await self._tab.cover()
            await self._ear.hear(wish.append.size, rate)
            return wish.encode()
        if wish.type == wishes.UPDATE:
            self._ear.ask(wish.session)
            self._setup.ask(wish.session, wish.name())
        elif wish.type == wishes.CREATE:
            wish.name()
        text = wish.encode()
        size = len(text) if text.isascii() else len(text.encode())
        wish.add_to(self._reading, size, rate)
        if wish.type == wishes.CREATE:
            named, limit = read_limit(wish.response)
            most = limit if named else self._setup.max_output
            await self._tab.promise(wish.name(), most)
            self.asked_at = asyncio.get_running_loop().time()
        elif wish.type not in wishes.CLEARS:
            await self._tab.cover()
            await self._ear.cover()
        return text
