"""``routstr serve``: the server around the node."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable
from math import ceil
from typing import Final

import uvicorn

from routstr.cli.doorman import Doorman, Visitor
from routstr.cli.ebb import Ebb
from routstr.cli.leaving import LeavingServer
from routstr.cli.workers import Seat
from routstr.core.http_guard import GuardedProtocol, room_for_connections
from routstr.core.large_tables import Area, lay_into_file, made_by
from routstr.core.mapped_files import (
    give_back_the_start,
    give_back_what_is_free,
    share_free_memory,
)
from routstr.core.settings import Settings
from routstr.main import App, create_app
from routstr.payment.tokens import load_vocabulary

_SWITCH_SECONDS: Final = 0.001  # the writer thread else waits up to 5 ms for the interpreter
_KEPT_SECONDS: Final = 30
"""How long a client's connection waits for its next request: longer than clients keep theirs, so
that none is closed in the moment in which it is used."""
_STARTED_SECONDS: Final = 5
"""After so long the first clients have their answers; what only the start needed can go."""
_SETTLED_SECONDS: Final = 20
"""After so long it is worth while to write tables to the disk."""
_LAST_WORDS_SECONDS: Final = 2.0
"""So long before DRAIN_SECONDS are over, what is under way is ended and its clients are told."""
_TICKS_A_SECOND: Final = 10  # uvicorn's
_GC_THRESHOLDS: Final = (10_000, 50, 50)
"""What is new is looked through for some milliseconds: with more of it, streams would stall."""


class _Server(LeavingServer):
    """Refuses new paid requests before it stops to listen."""

    def __init__(
        self, config: uvicorn.Config, app: App, seat: Seat | None, tables: list[Area]
    ) -> None:
        super().__init__(config)
        self.notice_s = app.settings.drain_notice_seconds
        self._app = app
        self._seat = seat
        self._tables = tables
        self._ebb = Ebb()
        app.prints = False  # it does not know the port that the system chose

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        loop.call_later(_STARTED_SECONDS, self._started)
        loop.call_later(_SETTLED_SECONDS, loop.run_in_executor, None, lay_into_file, self._tables)
        doors = [one for server in self.servers for one in server.sockets]
        Visitor.doorman = Doorman(doors, self._brought)
        if self._seat is not None:
            loop.add_reader(self._seat.pipe, self._let_go)
            if self._seat.number > 1:
                return
        for server in self.servers if self.started else ():
            for one in server.sockets:
                host, port = one.getsockname()[:2]
                self._app.tell_of_setup(host, port)
                return

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if Visitor.doorman is not None:
            Visitor.doorman.close()
        whole_s = self.config.timeout_graceful_shutdown or 0
        last_s = min(_LAST_WORDS_SECONDS, whole_s / 2)
        asyncio.get_running_loop().call_later(whole_s - last_s, self._app.cut_short)
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_A_SECOND == 0 and self._ebb.look(len(self.server_state.connections)):
            asyncio.get_running_loop().run_in_executor(None, give_back_what_is_free)
        return await super().on_tick(counter)

    def _started(self) -> None:
        """What the start has left behind stays, too; what only it has read does not."""
        gc.freeze()
        asyncio.get_running_loop().run_in_executor(None, give_back_the_start)

    def _brought(self) -> Visitor:
        visitor = Visitor(self.config, self.server_state, self.lifespan.state)
        visitor.brought = True
        return visitor

    def _let_go(self) -> None:
        """The supervisor has died, or wants us to stop and perhaps said so too early."""
        assert self._seat is not None
        asyncio.get_running_loop().remove_reader(self._seat.pipe)
        if not self.stops:
            signal.raise_signal(signal.SIGTERM)

    def leave(self) -> None:
        self._app.leave()

    def drain(self) -> None:
        self._app.drain()


def run(
    settings: Settings,
    host: str | None,
    port: int | None,
    build: Callable[[Settings], App] = create_app,
    seat: Seat | None = None,
) -> bool:
    """Serve until told to stop; false when the start failed, which was then told.

    With a seat, this process is one of several at its address.
    ``build`` is for tests that put the node together with another database backend.
    """
    share_free_memory()
    _, tables = made_by(load_vocabulary)  # now, while nobody else takes memory
    app = build(settings)
    if seat is not None:
        app.worker = seat.number
    config = uvicorn.Config(
        app,
        host=host if host is not None else settings.host,
        port=port if port is not None else settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # limits count by the client's address; whoever may name it could be anybody
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        http=Visitor,
        ws="websockets-sansio",
        ws_max_size=settings.request_body_bytes_max,
        ws_per_message_deflate=False,  # sound does not shrink, and packed messages may explode
        timeout_keep_alive=_KEPT_SECONDS,
        timeout_graceful_shutdown=max(1, ceil(settings.drain_seconds)),
        h11_max_incomplete_event_size=settings.header_bytes_max,
    )
    # uvicorn raises the signal again once it has stopped in good order: that is no failure
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: None)
    GuardedProtocol.connections_max = room_for_connections()
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()  # what is loaded stays; to look through it once for what does not finds nothing
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        _Server(config, app, seat, tables).run(None if seat is None else list(seat.sockets))
    except SystemExit:  # uvicorn's, after it has told why the start failed
        return False
    return True
