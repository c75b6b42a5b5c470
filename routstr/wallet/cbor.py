"""Reading CBOR from strangers: tokens (NUT-00) and payment requests (NUT-18). Pure."""

from collections.abc import Mapping
from typing import Final, NoReturn

import cbor2

_DEPTH_MAX: Final = 16


class InvalidCbor(ValueError):
    """The bytes are not CBOR, or hold what neither tokens nor payment requests have."""


class _NoTags(dict[int, NoReturn]):
    """Refuses every CBOR tag: shared references multiply small inputs."""

    def __missing__(self, tag: int) -> NoReturn:
        raise cbor2.CBORDecodeError("tags are not allowed")


def read(data: bytes) -> object:
    """Read one value. What a map says is undefined or null is left out of it.

    Raises InvalidCbor.
    """
    try:
        value: object = cbor2.loads(
            data,
            object_hook=_without_absent,
            semantic_decoders=_NoTags(),
            max_depth=_DEPTH_MAX,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except cbor2.CBORDecodeError:
        raise InvalidCbor from None
    return value


def _without_absent(found: Mapping[object, object], _immutable: bool) -> dict[object, object]:  # noqa: FBT001 - cbor2's call
    absent = (None, cbor2.undefined)
    return {name: value for name, value in found.items() if value not in absent}
