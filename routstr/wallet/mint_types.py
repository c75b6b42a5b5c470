"""What a mint's answers come to: the values that this node works with. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from routstr.wallet.proofs import BlindSignature


class ProofState(StrEnum):
    """Whether a proof can be spent (NUT-07)."""

    UNSPENT = "UNSPENT"
    PENDING = "PENDING"
    SPENT = "SPENT"


class MintQuoteState(StrEnum):
    """How far a payment to the mint is (NUT-23)."""

    UNPAID = "UNPAID"
    PAID = "PAID"
    ISSUED = "ISSUED"


class MeltQuoteState(StrEnum):
    """How far a payment by the mint is (NUT-05)."""

    UNPAID = "UNPAID"
    PENDING = "PENDING"
    PAID = "PAID"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Amounts that a mint takes invoices for, in the unit asked about; None: no bound."""

    least: int | None
    most: int | None

    def hold(self, amount: int) -> bool:
        """Whether an amount lies within them."""
        return (self.least or 0) <= amount and (self.most is None or amount <= self.most)


@dataclass(frozen=True, slots=True)
class MintInfo:
    """What a mint says of itself (NUT-06). Texts are the mint's own: escape before showing."""

    name: str
    version: str
    description: str
    motd: str
    nuts: Mapping[str, object] = field(repr=False)  # settings by NUT number, as sent

    def supports(self, nut: int) -> bool:
        """Tell whether the mint lists this NUT and does not say that it is off."""
        setting = self.nuts.get(str(nut))
        if isinstance(setting, Mapping):
            return bool(setting.get("supported", True)) and not setting.get("disabled", False)
        return setting is not None

    def minting(self, unit: str) -> Bounds | None:
        """Tell what invoices the mint makes in a unit (NUT-04); None: none at all."""
        setting = self.nuts.get("4")
        if not isinstance(setting, Mapping) or setting.get("disabled", False):
            return None
        for method in _entries(setting.get("methods")):
            if (method.get("method"), method.get("unit")) == ("bolt11", unit):
                return Bounds(_amount(method.get("min_amount")), _amount(method.get("max_amount")))
        return None

    def tells_of_quotes(self, unit: str) -> bool:
        """Whether the mint offers to tell when an invoice in a unit is paid (NUT-17)."""
        setting = self.nuts.get("17")
        offers = _entries(setting.get("supported")) if isinstance(setting, Mapping) else []
        return any(
            (offer.get("method"), offer.get("unit")) == ("bolt11", unit)
            and isinstance(commands := offer.get("commands"), list)
            and "bolt11_mint_quote" in commands
            for offer in offers
        )


def _entries(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _amount(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


@dataclass(frozen=True, slots=True)
class Restored:
    """A signature that the mint made earlier, and the place of its output in the question."""

    index: int
    signature: BlindSignature


@dataclass(frozen=True, slots=True)
class MintQuote:
    """An invoice to pay for new ecash. The id is a secret: who knows it can take the ecash."""

    id: str = field(repr=False)
    request: str
    amount: int
    unit: str
    state: MintQuoteState
    expiry: int | None  # seconds since 1970


@dataclass(frozen=True, slots=True)
class MeltQuote:
    """What the mint wants for paying an invoice, and how far that is."""

    id: str = field(repr=False)
    request: str
    amount: int
    unit: str
    fee_reserve: int
    state: MeltQuoteState
    expiry: int | None  # seconds since 1970
    preimage: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class MeltResult:
    """How a payment went. ``change`` are signatures on the first of the blank outputs (NUT-08)."""

    state: MeltQuoteState
    preimage: str | None = field(repr=False)
    change: tuple[BlindSignature, ...]
