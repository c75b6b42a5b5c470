"""What went wrong, for an operator: one line that shows nothing secret."""

from sqlalchemy.exc import DBAPIError

from routstr.core.redaction import clean


def explain(error: BaseException) -> str:
    """Say it in one line, without a full stop."""
    reason = error.orig if isinstance(error, DBAPIError) else error
    text = str(reason)
    if isinstance(reason, OSError) and reason.filename is not None and reason.strerror:
        text = f"{reason.filename}: {reason.strerror}"  # without its number
    words = "".join(char if char.isprintable() else " " for char in text).split()
    return clean(" ".join(words)).removesuffix(".")
