"""What the endpoints about keys themselves take and give. Amounts are whole msat."""

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

ValidityDate: TypeAlias = Annotated[
    int, Field(gt=0, le=253_402_300_799, description="Unix time at which the key expires")
]
Metadata: TypeAlias = Annotated[
    dict[str, Any], Field(description="a JSON object of at most 4096 bytes, kept as it is")
]
RefundLnurl: TypeAlias = Annotated[
    str, Field(description="Lightning address or LNURL that gets what is left at expiry")
]


class Terms(BaseModel):
    """On what terms a key is made."""

    model_config = ConfigDict(hide_input_in_errors=True)

    balance_limit: int | None = Field(None, description="msat that the key may spend")
    balance_limit_reset: str | None = Field(
        None, description="daily, weekly or monthly: the limit is for each such period of UTC"
    )
    validity_date: ValidityDate | None = None
    name: str | None = Field(None, description="1 to 100 characters")


class ChildKeysRequest(Terms):
    """Child keys of the key that asks, all on the same terms."""

    count: int = Field(1, description="1 to 50")
    metadata: Metadata | None = None


class ChildKeysAnswer(BaseModel):
    """The keys. They are told here and never again."""

    api_keys: list[str]
    count: int
    cost_msats: int
    cost_sats: int = Field(description="cost_msats in sat, rounded up")
    parent_balance: int = Field(description="msat that the parent can spend now")
    parent_balance_sats: int = Field(description="parent_balance in sat, rounded down")


class ChildKeyRequest(BaseModel):
    """One child key, by itself or by its public id."""

    model_config = ConfigDict(hide_input_in_errors=True)

    child_key: str = Field(min_length=1, max_length=200)


class Done(BaseModel):
    """It was done."""

    success: bool = True
    message: str


class ChangeRequest(BaseModel):
    """What changes about a key; null takes it away, what is absent stays."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: str | None = None
    metadata: Metadata | None = None
    validity_date: ValidityDate | None = None
    refund_lnurl: RefundLnurl | None = None


class RotateAnswer(BaseModel):
    """The key that took the other's place."""

    api_key: str
    id: str = Field(description="public id, the same as before")


class DonateRequest(BaseModel):
    """A token for the node."""

    model_config = ConfigDict(hide_input_in_errors=True)

    token: str = Field(min_length=1)
    ref: str | None = Field(
        None, description="what it is for; kept with it, at most 200 characters"
    )


class ChildKey(BaseModel):
    """A child key as its parent sees it. Times are Unix seconds."""

    id: str
    name: str | None
    total_requests: int
    total_spent: int
    balance_limit: int | None
    balance_limit_reset: str | None
    balance_limit_remaining: int | None
    validity_date: int | None
    created_at: int


class Info(BaseModel):
    """A key's balance and totals. Times are Unix seconds.

    A child key shows the balance that it spends, its parent's, and its own totals of spending.
    """

    api_key: str
    id: str
    name: str | None = None
    balance: int = Field(description="msat that can be spent: total less reserved")
    reserved: int = Field(description="msat set aside for requests under way")
    refunds_pending: int = Field(
        0, description="msat of refunds that a mint has not confirmed yet: no part of the balance"
    )
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
    parent_key_preview: str | None = None
    balance_limit: int | None = None
    balance_limit_reset: str | None = None
    balance_limit_remaining: int | None = Field(None, description="msat left in this period")
    refund_lnurl: str | None = Field(None, description="gets what is left at expiry")
    refund_problem: str | None = Field(None, description="why the refund at expiry waits")
    child_keys: list[ChildKey] | None = None
