"""Fields of a request, the same for a JSON body and for a form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from routstr.errors import InvalidParameter
from routstr.proxy.forms import Form
from routstr.proxy.multipart import File

_DIGITS_MAX = 9


class Given(Protocol):
    """What a request says. All raise ``InvalidParameter`` for a value of another kind."""

    def text(self, name: str) -> str | None:
        """A text; None without one."""
        ...

    def whole(self, name: str, most: int) -> int | None:
        """A whole number from 1 to ``most``."""
        ...

    def flag(self, name: str) -> bool:
        """True or false; false when it is not given."""
        ...

    def files(self, *names: str) -> Sequence[File]:
        """Files under these names."""
        ...

    async def head(self, file: File, size: int) -> bytes:
        """How a file begins."""
        ...


@dataclass(frozen=True, slots=True)
class GivenJson:
    """A JSON body."""

    body: Mapping[str, object]

    def text(self, name: str) -> str | None:
        """See :class:`Given`."""
        value = self.body.get(name)
        if value is None or isinstance(value, str):
            return value
        raise odd(name, "must be a text")

    def whole(self, name: str, most: int) -> int | None:
        """See :class:`Given`."""
        value = self.body.get(name)
        if value is None:
            return None
        if type(value) is not int or not 1 <= value <= most:
            raise odd(name, f"must be an integer from 1 to {most}")
        return value

    def flag(self, name: str) -> bool:
        """See :class:`Given`."""
        value = self.body.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise odd(name, "must be true or false")

    def files(self, *names: str) -> Sequence[File]:  # noqa: ARG002 - the port's
        """JSON holds none."""
        return ()

    async def head(self, file: File, size: int) -> bytes:  # noqa: ARG002 - the port's
        """JSON holds none."""
        return b""


@dataclass(frozen=True, slots=True)
class GivenForm:
    """A form, whose values are all texts."""

    form: Form

    def text(self, name: str) -> str | None:
        """See :class:`Given`."""
        return self.form.value(name)

    def whole(self, name: str, most: int) -> int | None:
        """See :class:`Given`."""
        value = self.form.value(name)
        if value is None:
            return None
        plain = value.isascii() and value.isdecimal() and len(value) <= _DIGITS_MAX
        if not plain or not 1 <= int(value) <= most:
            raise odd(name, f"must be an integer from 1 to {most}")
        return int(value)

    def flag(self, name: str) -> bool:
        """See :class:`Given`."""
        value = self.form.value(name)
        if value is None or value.lower() in {"true", "false"}:
            return value is not None and value.lower() == "true"
        raise odd(name, "must be true or false")

    def files(self, *names: str) -> Sequence[File]:
        """See :class:`Given`."""
        return self.form.files(*names)

    async def head(self, file: File, size: int) -> bytes:
        """See :class:`Given`."""
        return await self.form.head(file, size)


def odd(name: str, reason: str) -> InvalidParameter:
    """What to raise for a field that is not as it must be."""
    return InvalidParameter(f"'{name}' {reason}.", details={"param": name})
