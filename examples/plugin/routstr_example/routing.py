"""A router: the providers of EXAMPLE_FAVOURITES are asked before all others."""

import os
from collections.abc import Sequence

from routstr.upstream.guided import Wanted
from routstr.upstream.routing import Choice


class Favourites:
    """Orders the candidates; it could leave some out as well."""

    def __init__(self) -> None:
        """Read the providers' names once."""
        names = os.environ.get("EXAMPLE_FAVOURITES", "")  # noqa: TID251 - see payment.py
        self._names = frozenset(filter(None, names.split(",")))

    def guide(self, wanted: Wanted, choices: Sequence[Choice]) -> Sequence[Choice]:  # noqa: ARG002
        """Favourites in front; otherwise the order stays as the node has it."""
        return sorted(choices, key=lambda one: one.carrier.name not in self._names)
