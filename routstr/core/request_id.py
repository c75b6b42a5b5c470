"""One id per request, on its response (``x-routstr-request-id``) and its log lines."""

from contextvars import ContextVar
from os import register_at_fork, urandom
from typing import Final

REQUEST_ID_HEADER: Final = "x-routstr-request-id"
REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("routstr_request_id", default=None)
"""The id of the request that the running task serves; None outside of one."""


_ID_BYTES: Final = 16
_IDS_AT_ONCE: Final = 256


class _Randomness:
    """Random bytes, fetched for many ids at once.

    Asking the system gives the interpreter away, and another thread keeps it for a while. What is
    left over is not used in a forked process.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: list[bytes] = []
        register_at_fork(after_in_child=self._forget)

    def take(self) -> bytes:
        """The bytes of one id, given to nobody else."""
        try:
            return self._left.pop()
        except IndexError:
            drawn = urandom(_ID_BYTES * _IDS_AT_ONCE)
            own, *left = (
                drawn[start : start + _ID_BYTES] for start in range(0, len(drawn), _ID_BYTES)
            )
            self._left = left
            return own

    def _forget(self) -> None:
        self._left = []


_random: Final = _Randomness()


def new_request_id() -> str:
    """A random UUID, version 4, as text (what ``str(uuid.uuid4())`` gives, in a third of its time).

    Made here, never taken from the client: two payers could send the same.
    """
    digits = _random.take().hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
