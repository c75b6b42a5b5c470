"""The operator's own interface: who may use it, and what it cannot do."""

from collections.abc import Mapping
from types import MappingProxyType
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
    """No password yet: open the link that the node prints at its start, or set ADMIN_PASSWORD."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "service_unavailable"
    code: ClassVar[str] = "admin_not_configured"


class ScopeMissing(AdminError):
    """This token may not do that."""

    code: ClassVar[str] = "admin_scope_missing"


class PasswordLocked(AdminError):
    """The password is that of ADMIN_PASSWORD: change it there, and start the node again."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "password_locked"


class PasswordUnfit(AdminError):
    """This cannot be the password."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_new_password"


class NostrKeyLocked(AdminError):
    """The key is that of NSEC: change it there, and start the node again."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "nsec_locked"


class NostrKeyUnfit(AdminError):
    """This cannot be the key."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_nsec"


class SignInRefused(AdminError):
    """This does not sign in the operator."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "sign_in_refused"


class TokenUnfit(AdminError):
    """A token cannot be like this."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_admin_token"


class TokenNotFound(AdminError):
    """No such token."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "admin_token_not_found"


class SessionNotFound(AdminError):
    """No such session: it has ended."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "admin_session_not_found"


class SetupRefused(AdminError):
    """This link does not set up the node: use the one that it printed when it started last."""

    code: ClassVar[str] = "setup_refused"


class NoSuchKey(AdminError):
    """There is no key with this id."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "no_such_key"


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


class ModelInvalid(AdminError):
    """A model cannot be like this."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_model"


class UnknownModel(AdminError):
    """This provider has no such model."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "unknown_model"


class SettingsInvalid(AdminError):
    """Settings cannot be like this."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_setting"
    problems: Mapping[str, str] = MappingProxyType({})
    """By name of the setting, what is wanted; an empty name where none is known."""
