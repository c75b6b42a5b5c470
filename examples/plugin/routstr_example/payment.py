"""A payment method: ``Authorization: Voucher SPRING-7QX2``, a word that stands for a key.

EXAMPLE_VOUCHERS names a JSON file of the operator's: ``{"SPRING-7QX2": "sk-..."}``.
"""

import json
import os
from pathlib import Path


class Vouchers:
    """Takes vouchers for the keys that the operator has put money on."""

    def __init__(self) -> None:
        """Read the vouchers once, when the node starts; what is wrong here stops the start."""
        path = os.environ.get("EXAMPLE_VOUCHERS")  # noqa: TID251 - a package has settings of its own
        self._keys: dict[str, str] = json.loads(Path(path).read_bytes()) if path else {}

    async def key_for(self, credential: str) -> str | None:
        """The voucher's key; None for a word that is no voucher."""
        return self._keys.get(credential)
