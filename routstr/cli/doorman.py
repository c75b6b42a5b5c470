"""Letting in all who wait at the door.

The event loop's server takes one connection in each turn of the loop (libuv does, since 1.45). With
a thousand streams a turn takes tens of milliseconds: who comes in a crowd, or while there is one,
would wait for seconds, connected and with the request sent. So each one brings along those behind.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Protocol

from routstr.core.http_guard import GuardedProtocol

AT_ONCE: Final = 64
"""So many in a turn: those who are being served wait for them."""


class Listener(Protocol):
    """A socket as event loops show it."""

    def fileno(self) -> int:
        """The descriptor."""


class Doorman:
    """Takes connections from listening sockets, beside the servers of the event loop."""

    def __init__(
        self, listeners: Sequence[Listener], protocol: Callable[[], asyncio.Protocol]
    ) -> None:
        """``protocol`` makes what speaks with one client; call it inside the running loop."""
        self._doors: Final = [socket.socket(fileno=os.dup(one.fileno())) for one in listeners]
        for door in self._doors:
            door.settimeout(0)
        self._protocol: Final = protocol
        self._loop: Final = asyncio.get_running_loop()
        self._coming: Final = set[asyncio.Task[object]]()

    def let_in(self) -> None:
        """Take who waits now."""
        for door in self._doors:
            for _ in range(AT_ONCE):
                try:
                    client, _address = door.accept()
                except OSError:  # nobody waits, or there are too many open files
                    break
                client.settimeout(0)
                come = self._loop.connect_accepted_socket(self._protocol, client)
                task: asyncio.Task[object] = self._loop.create_task(come)
                self._coming.add(task)
                task.add_done_callback(self._came)

    def close(self) -> None:
        """Take nobody any more."""
        for door in self._doors:
            door.close()

    def _came(self, task: asyncio.Task[object]) -> None:
        self._coming.discard(task)
        if not task.cancelled():
            task.exception()  # a client that has gone at once is nobody's trouble


class Visitor(GuardedProtocol):
    """The server's protocol, for a client that brings others along."""

    doorman: ClassVar[Doorman | None] = None
    brought = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        if not self.brought and self.doorman is not None:
            self.doorman.let_in()
