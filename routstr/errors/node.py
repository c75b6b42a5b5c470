"""The node itself cannot serve now."""

from collections.abc import Mapping
from typing import ClassVar, Final

from routstr.errors.base import RoutstrError

_SOON: Final = {"Retry-After": "2"}  # a database that is restarted is back in seconds


class NodeError(RoutstrError):
    """The node is not available."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "service_unavailable"
    code: ClassVar[str] = "node_unavailable"


class DatabaseUnavailable(NodeError):
    """The database is not available. Nothing was changed."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "database_unavailable"
    usual_headers: ClassVar[Mapping[str, str]] = _SOON


class OutcomeUnknown(NodeError):
    """The database was lost while it saved this. Ask again to see whether it took effect."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "outcome_unknown"
    usual_headers: ClassVar[Mapping[str, str]] = _SOON


class Draining(NodeError):
    """The node is shutting down. Nothing was charged; please retry."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "shutting_down"
    usual_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "5"}


class DepositsClosed(NodeError):
    """Deposits are closed on this node at the moment; refunds go on."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "deposits_closed"


class UnderMaintenance(NodeError):
    """This node takes no new deposits for now, as its operator wishes; refunds go on."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "maintenance"


class TooManyUploads(NodeError):
    """This node takes no more uploads at the moment. Nothing was held."""

    code: ClassVar[str] = "too_many_uploads"
