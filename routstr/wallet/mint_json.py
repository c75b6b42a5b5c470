"""What mints send, field by field, named after the endpoint (NUT-01..09, 12, 23).

Unknown fields pass, because mints grow; a wrong type or an amount out of range does not.
"""

from typing import Annotated, Final, TypeAlias

import msgspec

from routstr.wallet.keysets import MAX_FEE_PPK
from routstr.wallet.mint_types import MeltQuoteState, MintQuoteState, ProofState

MAX_AMOUNT: Final = (1 << 63) - 1

Amount: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_AMOUNT)]
Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]
Fee: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_FEE_PPK)]
Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]
QuoteId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[\x21-\x7e]{1,256}\Z")]


class InfoJson(msgspec.Struct):
    """``GET /v1/info``."""

    name: str | None = None
    version: str | None = None
    description: str | None = None
    motd: str | None = None
    nuts: dict[str, object] | None = None


class KeysetJson(msgspec.Struct):
    """An entry of ``GET /v1/keysets``, or of ``GET /v1/keys/{id}`` and then with keys."""

    id: str
    unit: str
    active: bool = True
    input_fee_ppk: Fee | None = None
    final_expiry: Whole | None = None
    keys: dict[int, str] | None = None


class KeysetsJson(msgspec.Struct):
    """``GET /v1/keysets`` and ``GET /v1/keys/{id}``."""

    keysets: Annotated[list[KeysetJson], msgspec.Meta(max_length=4096)]


class DleqJson(msgspec.Struct):
    """A DLEQ proof on a blind signature (NUT-12)."""

    e: str
    s: str


class SignatureJson(msgspec.Struct):
    """A blind signature."""

    amount: Amount
    id: str
    signed: str = msgspec.field(name="C_")
    dleq: DleqJson | None = None


class SignaturesJson(msgspec.Struct):
    """``POST /v1/swap`` and ``POST /v1/mint/bolt11``."""

    signatures: list[SignatureJson]


class OutputJson(msgspec.Struct):
    """An output as a mint repeats it."""

    blinded: str = msgspec.field(name="B_")


class RestoreJson(msgspec.Struct):
    """``POST /v1/restore``."""

    outputs: list[OutputJson]
    signatures: list[SignatureJson]


class StateJson(msgspec.Struct):
    """The state of one proof."""

    state: ProofState
    y: str = msgspec.field(name="Y")


class StatesJson(msgspec.Struct):
    """``POST /v1/checkstate``."""

    states: list[StateJson]


class MintQuoteJson(msgspec.Struct):
    """``.../mint/quote/bolt11``."""

    quote: QuoteId
    request: Text
    amount: Amount
    unit: str
    state: MintQuoteState
    expiry: Whole | None = None
    pubkey: str | None = None


class MeltQuoteJson(msgspec.Struct):
    """``.../melt/quote/bolt11``."""

    quote: QuoteId
    amount: Amount
    fee_reserve: Whole
    unit: str
    request: Text
    state: MeltQuoteState
    expiry: Whole | None = None
    payment_preimage: str | None = None


class MeltJson(msgspec.Struct):
    """``POST /v1/melt/bolt11``."""

    state: MeltQuoteState
    payment_preimage: str | None = None
    change: list[SignatureJson] | None = None
