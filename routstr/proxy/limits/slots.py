"""Requests at the same time: a slot for each, given back however it ends."""

from collections import Counter
from typing import Final, Protocol


class Slots(Protocol):
    """Where slots are. ``who`` has at most ``limit`` of them."""

    async def take(self, who: str, limit: int, request_id: str) -> bool:
        """Take one; False when there is none left. Raises ``StorageError``."""
        ...

    def give(self, who: str, request_id: str) -> None:
        """Give it back, at once or soon; never raises."""
        ...

    async def close(self) -> None:
        """Wait until all are given back."""
        ...


class MemorySlots:
    """Slots of this process."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: Final[Counter[str]] = Counter()

    async def take(self, who: str, limit: int, request_id: str) -> bool:  # noqa: ARG002
        """Take one without waiting."""
        if self._taken[who] >= limit:
            return False
        self._taken[who] += 1
        return True

    def give(self, who: str, request_id: str) -> None:  # noqa: ARG002
        """Give it back at once."""
        self._taken[who] -= 1
        if not self._taken[who]:
            del self._taken[who]

    async def close(self) -> None:
        """There is nothing to wait for."""
