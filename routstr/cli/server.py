"""``routstr serve``: the server around the node."""

import gc
import signal
import socket
import sys
from collections.abc import Callable
from math import ceil
from types import FrameType
from typing import Final

import uvicorn

from routstr.core.http_guard import GuardedProtocol, room_for_connections
from routstr.core.mapped_files import give_back_the_start, share_free_memory
from routstr.core.settings import Settings
from routstr.main import App, create_app

_SWITCH_SECONDS: Final = 0.001  # the writer thread else waits up to 5 ms for the interpreter
_KEPT_SECONDS: Final = 30
"""How long a client's connection waits for its next request: longer than clients keep theirs, so
that none is closed in the moment in which it is used."""
_GC_THRESHOLDS: Final = (50_000, 50, 50)


class _Server(uvicorn.Server):
    """Refuses new paid requests as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._app = app
        app.prints = False  # it does not know the port that the system chose

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        give_back_the_start()
        for server in self.servers if self.started else ():
            for one in server.sockets:
                host, port = one.getsockname()[:2]
                self._app.tell_of_setup(host, port)
                return

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.drain()
        super().handle_exit(sig, frame)


def run(
    settings: Settings,
    host: str | None,
    port: int | None,
    build: Callable[[Settings], App] = create_app,
) -> bool:
    """Serve until told to stop; false when the start failed, which was then told.

    ``build`` is for tests that put the node together with another database backend.
    """
    share_free_memory()
    app = build(settings)
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
        http=GuardedProtocol,
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
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        _Server(config, app).run()
    except SystemExit:  # uvicorn's, after it has told why the start failed
        return False
    return True
