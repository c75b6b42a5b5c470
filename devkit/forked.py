"""A process that a nursery has forked for us; see ``devkit/nursery.py`` for what they say."""

import json
import select
import socket
from pathlib import Path
from typing import Any, Final

from devkit.nursery import Order

_ANSWER_LIMIT_S: Final = 60.0
"""The first order waits for all that is imported."""


class Forked:
    """A running process. It keeps its id, and its group's, until it was collected."""

    def __init__(self, nursery: Path, order: Order) -> None:
        self.status: int | None = None
        self._told: int | None = None
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.settimeout(_ANSWER_LIMIT_S)
        # no buffer: what it held could not be seen by select
        self._lines = self._connection.makefile("rb", buffering=0)
        try:
            self._connection.connect(str(nursery))
            self._connection.sendall(order.line())
            self.pid = int(self._next()["pid"])
        except BaseException:
            self._close()
            raise

    def ended(self) -> bool:
        """Whether it runs no more."""
        if self._told is None and select.select([self._connection], [], [], 0)[0]:
            self._told = int(self._next()["status"])
        return self._told is not None

    def collect(self) -> int:
        """Wait for its end; the exit status (negative: the signal)."""
        if self.status is None:
            if self._told is None:
                self._told = int(self._next()["status"])
            self.status = self._told
            self._close()
        return self.status

    def _next(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise ConnectionError("the nursery of these processes is gone, and they with it")
        message: dict[str, Any] = json.loads(line)
        return message

    def _close(self) -> None:
        self._lines.close()
        self._connection.close()
