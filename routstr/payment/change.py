"""What becomes of the rest when a payer keeps no balance here."""

from dataclasses import dataclass, field
from typing import Protocol

from routstr.money import ZERO, Msat


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a payer's token held is the sum of what its request was charged and of these.

    ``amount`` is on the face of ``token``, which is empty when there is none; ``mint_fee`` is that
    of redeeming the payer's token and of making this one; ``left`` stays where it was: it is below
    one unit of the mint, or, when ``pending``, could not be given now and can be claimed.
    """

    token: str = field(default="", repr=False)
    amount: Msat = ZERO
    mint_fee: Msat = ZERO
    left: Msat = ZERO
    pending: bool = False


class Purse(Protocol):
    """An account that pays for one request and is then emptied."""

    def pending(self, owned: Msat) -> Change:
        """Tell what the account owns as change that can be claimed; nothing is asked of anyone."""
        ...

    async def give_back(self, owned: Msat) -> Change:
        """Give back what the account owns; a wallet's or mint's trouble makes it pending."""
        ...
