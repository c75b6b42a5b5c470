"""Who pays is not known, or may not."""

from typing import ClassVar

from routstr.errors.base import RoutstrError


class AuthError(RoutstrError):
    """Invalid API key. Deposit first, or check the key."""

    status: ClassVar[int] = 401
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "invalid_api_key"


class MissingApiKey(AuthError):
    """Unauthorized: send a key or token as 'Authorization: Bearer ...', or a token as X-Cashu."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "missing_api_key"


class KeyNotFound(AuthError):
    """Key not found. Deposit first to create it."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "key_not_found"


class KeyExpired(AuthError):
    """This API key has expired. What is left of its balance can be refunded."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "key_expired"


class ForeignChildKey(AuthError):
    """This child key belongs to another key."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "not_your_child_key"
