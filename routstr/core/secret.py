"""A text that does not print itself.

``repr``, ``str``, formatting, JSON, pickling and model dumps show a mask or refuse; the only way
to the text is :meth:`Secret.reveal`, which is easy to find in a review.
"""

import hmac
from typing import Any, Final, NoReturn, Self, final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

MASK: Final = "[secret]"


@final
class Secret:
    """Wraps a text that must not reach logs, errors or answers. Compares in constant time."""

    __slots__ = ("__text",)
    __text: str

    def __init__(self, text: "str | Secret" = "") -> None:
        if isinstance(text, Secret):
            text = text.reveal()
        if not isinstance(text, str):
            raise TypeError("a secret is a text")
        object.__setattr__(self, "_Secret__text", text)

    def reveal(self) -> str:
        """The text itself, to be handed to whoever needs it and never stored or logged."""
        return self.__text

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self.__text.encode("utf-8", "surrogatepass"),
            other.__text.encode("utf-8", "surrogatepass"),
        )

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Accept a text or a secret, refuse the rest without repeating it; dump as the mask."""
        return core_schema.no_info_plain_validator_function(
            cls._validated, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A text, of which forms show dots."""
        return {"type": "string", "format": "password"}

    @classmethod
    def _validated(cls, value: object) -> "Secret":
        if not isinstance(value, str | Secret):
            raise ValueError("must be a text")  # noqa: TRY004 - pydantic reports a ValueError
        return cls(value)
