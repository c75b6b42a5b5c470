"""What went wrong, for an operator: one line that shows nothing secret."""

from sqlalchemy.exc import DBAPIError

from routstr.core.redaction import clean


def explain(error: BaseException) -> str:
    """Say it in one line, without a full stop."""
    reason = error.orig if isinstance(error, DBAPIError) else error
    words = "".join(char if char.isprintable() else " " for char in str(reason)).split()
    return clean(" ".join(words)).removesuffix(".")
