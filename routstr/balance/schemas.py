"""What the balance endpoints take and give. Amounts are whole msat unless a name says otherwise."""

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

ValidityDate: TypeAlias = Annotated[
    int, Field(gt=0, le=253_402_300_799, description="Unix time at which the key expires")
]

_LIMITS = ("balance_limit", "balance_limit_reset")


class CreateRequest(BaseModel):
    """A new key, paid for with a token."""

    model_config = ConfigDict(hide_input_in_errors=True)

    initial_balance_token: str = Field(min_length=1, description="Cashu token (cashuA or cashuB)")
    validity_date: ValidityDate | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_limits(cls, given: Any) -> Any:  # noqa: ANN401 - whatever was sent
        """Refuse what would silently not be kept: keys with a limit are not offered yet."""
        if isinstance(given, dict) and any(given.get(name) is not None for name in _LIMITS):
            raise ValueError(f"{' and '.join(_LIMITS)} are not offered by this node")
        return given


class CreateAnswer(BaseModel):
    """The key and what it holds. The same token gives the same key again."""

    api_key: str
    balance: int = Field(description="msat that can be spent")
    id: str = Field(description="public id of the key, safe to show")
    mint: str
    credited: int | None = Field(None, description="msat that this call added; null: none")
    gross: int | None = Field(None, description="msat on the token's face")
    mint_fee: int | None = Field(None, description="msat that the mint kept")


class TopupRequest(BaseModel):
    """More money for a key."""

    model_config = ConfigDict(hide_input_in_errors=True)

    cashu_token: str = Field(min_length=1)


class TopupAnswer(BaseModel):
    """What a top-up added. The same token again adds nothing and says the same."""

    msats: int = Field(description="msat credited")
    gross: int = Field(description="msat on the token's face")
    mint_fee: int = Field(description="msat that the mint kept")
    balance: int = Field(description="msat that can be spent now")


class RefundAnswer(BaseModel):
    """A token with everything that could be paid out."""

    token: str
    sats: str | None = Field(None, description="face value, when the unit is sat")
    msats: str | None = Field(None, description="face value, when the unit is msat")
    unit: str
    mint: str
    mint_fee: int = Field(description="msat that the mint kept")
    balance: int = Field(description="msat left: what is below one unit of the mint")
    repeated: bool = Field(description="the token was given out before and is not redeemed")


class Info(BaseModel):
    """A key's balance and totals. Times are Unix seconds."""

    api_key: str
    id: str
    balance: int = Field(description="msat that can be spent: total less reserved")
    reserved: int = Field(description="msat set aside for requests under way")
    total: int
    total_deposited: int
    total_spent: int
    total_requests: int
    created_at: int
    last_used_at: int | None
    expires_at: int | None
    validity_date: int | None = Field(description="the same as expires_at")
    metadata: dict[str, Any]
    mint: str
    unit: str
    is_child: bool = False
    balance_limit: int | None = None
    balance_limit_reset: str | None = None


class Transaction(BaseModel):
    """One transfer of the key's account."""

    id: int
    type: str = Field(description="in or out")
    kind: str
    amount: int = Field(description="msat, negative when it left the account")
    unit: str = "msat"
    balance_after: int | None = Field(description="msat, holds not deducted")
    description: str
    timestamp: int = Field(description="Unix seconds")
    created_at: int = Field(description="the same as timestamp")
    reference: str
    request_id: str | None
    model: str | None


class History(BaseModel):
    """A page of transfers, newest first; ``next_before`` asks for the next one."""

    transactions: list[Transaction]
    next_before: int | None
