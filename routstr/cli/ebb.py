"""When a crowd of clients has gone, what served it can be given back to the system."""

from typing import Final

CROWD: Final = 100
"""So many clients at once leave something behind that is worth the search."""
CALM_LOOKS: Final = 45
"""Looks, one a second, from their leaving to the search: connections to providers wait for others
for some time, too."""


class Ebb:
    """Counts clients, and tells when most of a crowd have been gone for a while."""

    def __init__(self) -> None:
        self._most = 0
        self._calm = 0

    def look(self, clients: int) -> bool:
        """Whether now is the time; to be called every second with how many are there."""
        if clients > self._most // 2 or self._most < CROWD:
            self._most = max(self._most, clients)
            self._calm = 0
            return False
        self._calm += 1
        if self._calm < CALM_LOOKS:
            return False
        self._most, self._calm = clients, 0
        return True
