"""The root of the error tree."""

from collections.abc import Mapping
from inspect import cleandoc
from typing import ClassVar, TypeAlias

Details: TypeAlias = Mapping[str, str | int | bool | list[str] | None]


class RoutstrError(Exception):
    """Internal server error."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    code: ClassVar[str] = "internal_error"
    usual_headers: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        message: str = "",
        *,
        details: Details | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Make an error with a message for the client (default: the class docstring's first line).

        ``details`` are shown in the envelope; ``headers`` are added to the response.
        """
        self.message = message or cleandoc(type(self).__doc__ or "").partition("\n")[0]
        self.details: Details = dict(details or {})
        self.headers: Mapping[str, str] = {**self.usual_headers, **(headers or {})}
        self.fields: Details = {}
        """Further fields of the envelope's ``error``, beside message, type and code."""
        super().__init__(self.message)

    @property
    def http_status(self) -> int:
        """The status of the response; most classes have a fixed one."""
        return self.status
