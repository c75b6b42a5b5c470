"""One id per request, on its response (``x-routstr-request-id``) and its log lines."""

from contextvars import ContextVar
from os import urandom
from typing import Final

REQUEST_ID_HEADER: Final = "x-routstr-request-id"
REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("routstr_request_id", default=None)
"""The id of the request that the running task serves; None outside of one."""


def new_request_id() -> str:
    """A random UUID, version 4, as text (what ``str(uuid.uuid4())`` gives, in a third of its time).

    Made here, never taken from the client: two payers could send the same.
    """
    digits = urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
