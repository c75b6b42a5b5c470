"""On what terms a key is made: until when it works, and how much it may spend.

Terms are known before the money is: they wait in the context of the saga that brings the first
deposit, and are stored with the key in the transaction that opens its account.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from routstr.money import Msat


class KeyTerms(Struct, frozen=True):
    """Terms of a new key; the default is a key without any.

    ``expires_at``: ms since the epoch. ``balance_limit``: the most it may spend, in msat, over its
    life or, with ``balance_limit_reset`` (daily, weekly or monthly), in each such period of UTC.
    """

    expires_at: int | None = None
    balance_limit: Msat | None = None
    balance_limit_reset: str | None = None

    def to_context(self) -> dict[str, Any]:
        """The terms as fields of a saga's context."""
        return {
            "expires_at": self.expires_at,
            "balance_limit": None if self.balance_limit is None else int(self.balance_limit),
            "balance_limit_reset": self.balance_limit_reset,
        }


def from_context(context: Mapping[str, Any]) -> KeyTerms:
    """Read terms from a saga's context, whatever else it holds; absent fields are no terms."""
    limit = context.get("balance_limit")
    return KeyTerms(
        expires_at=context.get("expires_at"),
        balance_limit=None if limit is None else Msat(limit),
        balance_limit_reset=context.get("balance_limit_reset"),
    )
