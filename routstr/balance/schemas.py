"""What the balance endpoints take and give. Amounts are whole msat unless a name says otherwise."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from routstr.auth.invoices import SATS_MAX
from routstr.balance.key_schemas import Metadata, RefundLnurl, Terms, ValidityDate

_CHANGE: Final = "what a token of a foreign mint left over: a token of that mint, yours to redeem"


class CreateQuery(Terms):
    """A new key, paid for with a token."""

    initial_balance_token: str = Field(min_length=1, description="Cashu token (cashuA or cashuB)")
    refund_lnurl: RefundLnurl | None = None


class CreateRequest(CreateQuery):
    """A new key, paid for with a token; what a query cannot say as well."""

    metadata: Metadata | None = None


class CreateAnswer(BaseModel):
    """The key and what it holds. The same token gives the same key again."""

    api_key: str
    balance: int = Field(description="msat that can be spent")
    id: str = Field(description="public id of the key, safe to show")
    mint: str
    credited: int | None = Field(None, description="msat that this call added; null: none")
    gross: int | None = Field(None, description="msat on the token's face")
    mint_fee: int | None = Field(None, description="msat that the mint kept, or moving it took")
    change: str | None = Field(None, description=_CHANGE)


class TopupRequest(BaseModel):
    """More money for a key."""

    model_config = ConfigDict(hide_input_in_errors=True)

    cashu_token: str | None = None


class TopupAnswer(BaseModel):
    """What a top-up added. The same token again adds nothing and says the same."""

    msats: int = Field(description="msat credited")
    gross: int = Field(description="msat on the token's face")
    mint_fee: int = Field(description="msat that the mint kept")
    balance: int = Field(description="msat that can be spent now")
    change: str | None = Field(None, description=_CHANGE)


class RefundToken(BaseModel):
    """One of the tokens of a refund."""

    token: str
    amount: int = Field(description="face value, in unit")
    unit: str
    mint: str


class RefundAnswer(BaseModel):
    """A token with everything that could be paid out, or several when no single mint could."""

    token: str = Field(description="the largest of tokens")
    sats: str | None = Field(None, description="face value of token, when its unit is sat")
    msats: str | None = Field(None, description="face value of token, when its unit is msat")
    unit: str = Field(description="of token")
    mint: str = Field(description="of token")
    tokens: list[RefundToken] = Field(description="all tokens of this refund, the largest first")
    refunded_msats: int = Field(description="msat: the face value of all tokens")
    pending_msats: int = Field(description="msat on their way into further tokens: ask again")
    mint_fee: int = Field(description="msat that the mints kept")
    balance: int = Field(description="msat left: below one unit, or not to be had at a mint now")
    repeated: bool = Field(description="all was given out before and is not redeemed")
    earlier: list[RefundToken] | None = Field(
        None,
        description="tokens of before money last came in that are not known to be redeemed, at "
        "most 50: no part of the sums; you may have them already",
    )


class RefundRequest(BaseModel):
    """Where the money goes; nothing: into a token."""

    model_config = ConfigDict(hide_input_in_errors=True)

    lightning_address: str | None = Field(
        None, min_length=1, max_length=512, description="name@host, LNURL or lnurlp://"
    )


class LightningRefundAnswer(BaseModel):
    """Everything that could be paid out, paid over Lightning. The same again says the same."""

    recipient: str
    refund_id: str
    status: str = "paid"
    sats: str = Field(description="what arrived, in sat")
    msats: str = Field(description="what arrived, in msat")
    mint: str = Field(description="the mint that paid")
    mint_fee: int = Field(description="msat that the mint kept for its ecash")
    lightning_fee: int = Field(description="msat that the payment cost")
    balance: int = Field(
        description="msat left, what the mint returned of its fee reserve included"
    )
    repeated: bool = Field(description="it had been paid before this request")


class Transaction(BaseModel):
    """One transfer of the key's account."""

    id: int
    type: str = Field(description="in or out")
    kind: str
    source: str = Field(description="cashu, lightning, operator, or usage: requests and keys")
    amount: int = Field(description="msat, negative when it left the account")
    unit: str = "msat"
    mint_url: str | None = Field(description="the mint that it came from or went to")
    collected: bool = Field(description="false: a refund's token that is not redeemed yet")
    swept: bool = Field(default=False, description="always false: nothing is ever taken back")
    balance_after: int | None = Field(description="msat, holds not deducted")
    description: str
    timestamp: int = Field(description="Unix seconds")
    created_at: int = Field(description="the same as timestamp")
    reference: str
    request_id: str | None
    model: str | None


class InvoiceRequest(BaseModel):
    """A Lightning invoice whose payment makes a key, or tops up the one that asks."""

    model_config = ConfigDict(hide_input_in_errors=True)

    amount_sats: int = Field(ge=1, le=SATS_MAX)
    purpose: Literal["create", "topup"] = "create"
    balance_limit: int | None = Field(None, description="msat that the new key may spend")
    balance_limit_reset: str | None = Field(None, description="daily, weekly or monthly, in UTC")
    validity_date: ValidityDate | None = None
    mint: str | None = Field(None, max_length=512, description="one of the node's mints")


class InvoiceAnswer(BaseModel):
    """An invoice to pay. Times are Unix seconds."""

    invoice_id: str = Field(description="the claim: keep it secret, it is not told again")
    bolt11: str
    amount_sats: int
    expires_at: int
    payment_hash: str
    mint: str


class InvoiceStatus(BaseModel):
    """How far an invoice is. Times are Unix seconds."""

    status: str = Field(
        description="pending, settlement_pending, paid, expired or reconciliation_required"
    )
    api_key: str | None = Field(description="the key that was made; null: not yet, or a top-up")
    amount_sats: int
    paid_at: int | None
    created_at: int
    expires_at: int
    purpose: str = Field(description="create or topup")
    payment_hash: str
    mint: str


class RecoverRequest(BaseModel):
    """An invoice whose id is lost: its status can be asked for, its key cannot."""

    model_config = ConfigDict(hide_input_in_errors=True)

    bolt11: str = Field(min_length=1, max_length=4_096)


class History(BaseModel):
    """A page of transfers, newest first; ``next_before`` asks for the next one."""

    transactions: list[Transaction]
    next_before: int | None
