"""A server that leaves a load balancer without losing a request.

::

    SIGTERM ── DRAIN_NOTICE_SECONDS ──> handshakes refused ── a second ──> uvicorn's own end
       /health/ready fails; requests are     whoever is connected            listening ends, what
       served, each answer ends its          is still served                 is under way goes on
       connection

A listening socket that is closed resets the connections that wait in it, with their requests. So
no new one may come in before: the system drops what begins a connection, whose sender tries again
and is then refused, which a balancer answers by asking another instance.
"""

import asyncio
import ctypes
import socket
import struct
import sys
import time
from types import FrameType
from typing import Final, Protocol

import uvicorn

_CLOSES: Final = (b"connection", b"close")
_LAST_SECONDS: Final = 1.0
"""How long those are waited for whose handshake was under way."""
_ATTACH_FILTER: Final = 26  # SO_ATTACH_FILTER, asm-generic/socket.h
_NO_NEW_ONES: Final = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # load the byte of the TCP header (RFC 9293, 3.1) with the flags
        (0x45, 0, 1, 0x02),  # SYN?
        (0x06, 0, 0, 0),  # drop it
        (0x06, 0, 0, 0xFFFF_FFFF),  # else keep it whole
    )
)
"""A filter of Linux (networking/filter in the kernel's documentation)."""
_INSTRUCTION_BYTES: Final = 8


class Listener(Protocol):
    """A socket as event loops show it."""

    def setsockopt(self, level: int, option: int, value: bytes, /) -> None:
        """Raises OSError."""


def refuse_handshakes(listener: Listener) -> bool:
    """Let no new connection come in; false where the system cannot."""
    if sys.platform != "linux":
        return False
    code = ctypes.create_string_buffer(_NO_NEW_ONES, len(_NO_NEW_ONES))
    count = len(_NO_NEW_ONES) // _INSTRUCTION_BYTES
    program = struct.pack("HP", count, ctypes.addressof(code))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
    except OSError:
        return False
    return True


class LeavingServer(uvicorn.Server):
    """Goes on for ``notice_s`` after it was told to stop; told again, it stops at once."""

    notice_s = 0.0
    _leaves_at: float | None = None

    @property
    def stops(self) -> bool:
        """Whether it was told to."""
        return self.should_exit or self._leaves_at is not None

    def leave(self) -> None:
        """Called when the notice begins."""

    def drain(self) -> None:
        """Called when requests are refused from now on."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave, or stop."""
        if self.notice_s and self.started and not self.stops:
            self._leaves_at = time.monotonic() + self.notice_s
            self.leave()
            self.config.encoded_headers.append(_CLOSES)
            self.server_state.default_headers = [*self.server_state.default_headers, _CLOSES]
            return
        self.drain()
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Look ten times a second whether it is time."""
        if self._leaves_at is not None and not self.should_exit:
            if time.monotonic() < self._leaves_at:
                return await super().on_tick(counter)
            for server in self.servers:
                for listener in server.sockets:
                    refuse_handshakes(listener)
            await asyncio.sleep(_LAST_SECONDS)
            self.drain()
            self.should_exit = True
        return await super().on_tick(counter)
