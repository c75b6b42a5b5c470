"""How the operator is told what cannot wait."""

from typing import Protocol

from routstr.core.logging import get_logger

_log = get_logger(__name__)


class Alert(Protocol):
    """Where alarms go. ``name`` is stable; ``facts`` are figures and names, never secrets."""

    def raised(self, name: str, **facts: object) -> None:
        """Tell that something is wrong. It may be told again while it lasts."""
        ...

    def cleared(self, name: str, **facts: object) -> None:
        """Tell that it is well again."""
        ...


class LoggedAlert:
    """Alarms as lines of the log, at the level ``critical``."""

    def raised(self, name: str, **facts: object) -> None:
        """Log the alarm."""
        _log.critical(name, **facts)

    def cleared(self, name: str, **facts: object) -> None:
        """Log its end at the same level, so that whoever watches alarms sees it."""
        _log.critical(f"{name}_cleared", **facts)
