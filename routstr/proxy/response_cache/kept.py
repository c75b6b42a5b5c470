"""What is kept of an answer, and who keeps it."""

from typing import Final, Protocol

import msgspec
from msgspec import Struct

from routstr.money import Msat
from routstr.payment.cost import Cost
from routstr.payment.usage import Usage

ANSWER_BYTES_MAX: Final = 1 << 20
"""Larger answers are not kept."""


class Kept(Struct, frozen=True):
    """A provider's answer as it came, and what it cost.

    ``translated``: it is an answer of chat completions to another endpoint's request. ``cost`` are
    the parts of the charge in msat, in the order of :class:`routstr.payment.cost.Cost`.
    """

    body: bytes
    provider: str
    translated: bool
    usage: Usage
    cost: tuple[int, int, int, int, int, int]

    def __repr__(self) -> str:
        return f"Kept({len(self.body)} bytes)"

    @property
    def charged(self) -> Cost:
        """What was charged for it."""
        return Cost(*map(Msat, self.cost))


def parts_of(cost: Cost) -> tuple[int, int, int, int, int, int]:
    """A cost as it is kept."""
    return (
        int(cost.total),
        int(cost.base),
        int(cost.input),
        int(cost.output),
        int(cost.cache_read),
        int(cost.cache_write),
    )


class Shelf(Protocol):
    """Where answers are kept, by names that tell nothing. Never raises."""

    async def find(self, name: str) -> Kept | None:
        """What is kept under a name, unless it is too old."""
        ...

    def keep(self, name: str, kept: Kept) -> None:
        """Keep it, now or soon; others may have to go."""
        ...

    async def close(self) -> None:
        """Wait until everything is kept."""
        ...


dumps: Final = msgspec.msgpack.Encoder().encode
loads: Final = msgspec.msgpack.Decoder(tuple[str, Kept]).decode
"""A name and what is kept under it."""
