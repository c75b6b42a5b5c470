"""What a token of the operator may be used for. A session may do everything."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE: Final = "__routstr_scope__"


class Scope(StrEnum):
    """One permission. Whatever a route does not say itself needs READ to look, WRITE to change."""

    READ = "read"
    WRITE = "write"
    SETTINGS = "settings"
    PROVIDERS = "providers"
    MONEY = "money"
    SECURITY = "security"


USUAL: Final = tuple(scope for scope in Scope if scope is not Scope.SECURITY)
"""What a token gets for which none were named: all but to change who is let in."""


def needs(scope: Scope) -> Callable[[F], F]:
    """Say of a route's function which scope it needs, whatever its router says."""

    def mark(function: F) -> F:
        setattr(function, _ATTRIBUTE, scope)
        return function

    return mark


def needed(function: object, method: str, usual: Scope = Scope.WRITE) -> Scope:
    """The scope for a route's function; ``usual`` is that for changes in its router."""
    own = getattr(function, _ATTRIBUTE, None)
    if isinstance(own, Scope):
        return own
    return Scope.READ if method in {"GET", "HEAD"} else usual


def encode(scopes: Iterable[Scope]) -> str:
    """Write scopes as they are stored, each once, in their order."""
    wanted = frozenset(scopes)
    return ",".join(scope for scope in Scope if scope in wanted)


def decode(text: str) -> tuple[Scope, ...]:
    """Read them; one that this version does not know gives nothing."""
    known = {scope.value for scope in Scope}
    return tuple(Scope(name) for name in text.split(",") if name in known)
