"""A call that names itself by an ``Idempotency-Key`` cannot be carried out now, or not again."""

from typing import ClassVar

from routstr.errors.base import RoutstrError
from routstr.errors.request import RequestError


class InvalidIdempotencyKey(RequestError):
    """An Idempotency-Key has 1 to 255 visible ASCII characters."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_idempotency_key"


class IdempotencyError(RoutstrError):
    """The Idempotency-Key stands in the way. Nothing was done."""

    status: ClassVar[int] = 409
    type: ClassVar[str] = "idempotency_error"
    code: ClassVar[str] = "idempotency_conflict"


class IdempotencyMismatch(IdempotencyError):
    """This Idempotency-Key was used with another request. Nothing was done."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "idempotency_key_reused"


class IdempotencyInProgress(IdempotencyError):
    """The first request with this Idempotency-Key is still running. Repeat it in a moment."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "idempotency_in_progress"


class RequestAlreadyPaid(IdempotencyError):
    """A request with this Idempotency-Key was served and paid; it was not served again."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "request_already_paid"
