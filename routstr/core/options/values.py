"""Values of settings between JSON, the environment's texts, and what a person types."""

from typing import Any

import msgspec

from routstr.core.settings import Settings


def plain(value: object) -> Any:  # noqa: ANN401 - what JSON has
    """A value of JSON as settings take it: no number loses digits on its way."""
    if isinstance(value, float):
        return repr(value)  # the shortest text that means it, which is what was typed
    if isinstance(value, list | tuple):
        return tuple(plain(one) for one in value)
    return value


def jsonable(settings: Settings, name: str) -> str:
    """The value of a setting as JSON: exact, that is, decimals are texts."""
    return msgspec.json.encode(settings.model_dump(mode="json", include={name})[name]).decode()
