"""What a check says: how it stands, and for what does not hold the cause and the remedy."""

from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    """How it stands. Only a fault makes the command fail."""

    WELL = "well"
    SKIPPED = "skipped"
    WARNING = "warning"
    FAULT = "fault"


class Finding(Struct, frozen=True):
    """One line of the doctor's: ``cause`` and ``remedy`` are empty when all is well."""

    state: State
    what: str
    cause: str = ""
    remedy: str = ""


def well(what: str) -> Finding:
    """It holds."""
    return Finding(State.WELL, what)


def skipped(what: str, cause: str) -> Finding:
    """It could not be looked at, or there is nothing to look at."""
    return Finding(State.SKIPPED, what, cause)


def warning(what: str, cause: str, remedy: str) -> Finding:
    """The node runs, and not as well as it could."""
    return Finding(State.WARNING, what, cause, remedy)


def fault(what: str, cause: str, remedy: str) -> Finding:
    """The node does not run like this, or cannot serve."""
    return Finding(State.FAULT, what, cause, remedy)
