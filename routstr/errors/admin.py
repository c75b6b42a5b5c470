"""The operator's own interface: who may use it, and what it cannot do."""

from typing import ClassVar

from routstr.errors.base import RoutstrError


class AdminError(RoutstrError):
    """Unauthorized: log in first."""

    status: ClassVar[int] = 403
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "admin_unauthorized"


class InvalidPassword(AdminError):
    """Invalid password."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "invalid_password"


class ForeignForm(AdminError):
    """This form does not come from a page of this session: load the page again."""

    code: ClassVar[str] = "foreign_form"


class TooManyLogins(AdminError):
    """Too many attempts to log in; wait before the next one."""

    status: ClassVar[int] = 429
    type: ClassVar[str] = "rate_limit_error"
    code: ClassVar[str] = "too_many_logins"


class AdminNotConfigured(AdminError):
    """The admin API is off: set ADMIN_PASSWORD and start the node again."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "service_unavailable"
    code: ClassVar[str] = "admin_not_configured"


class ProviderNotFound(AdminError):
    """No such provider."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "provider_not_found"


class ProviderExists(AdminError):
    """There is such a provider already."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "provider_exists"


class ProviderInvalid(AdminError):
    """A provider cannot be like this."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_provider"
