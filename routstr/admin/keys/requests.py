"""What the admin API takes about keys. Amounts are msat, times Unix seconds."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from routstr.core.secret import Secret

ResetWord = Literal["daily", "weekly", "monthly"]
Msats = Annotated[int, Field(gt=0, description="msat")]


class _Asked(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")


class Rules(_Asked):
    """What is changed of a key; what is not named stays, null takes it away."""

    name: str | None = None
    note: str | None = Field(None, description="the operator's own; nobody else is told")
    balance_limit: Msats | None = None
    balance_limit_reset: ResetWord | None = None
    validity_date: int | None = Field(None, description="Unix seconds; a past one ends it now")


class NewKey(_Asked):
    """A key by hand: paid with a token, or out of the operator's own money."""

    initial_balance_token: Secret | None = None
    amount_msats: Msats | None = Field(None, description="out of the operator's own money")
    name: str | None = None
    note: str | None = None
    balance_limit: Msats | None = None
    balance_limit_reset: ResetWord | None = None
    validity_date: int | None = None


class TopUp(_Asked):
    """A credit out of the operator's own money."""

    amount_msats: Msats


class Withdraw(_Asked):
    """What is taken out of a key as a token; all that one mint can pay when no amount is named."""

    key: str = Field(description="public id")
    amount: Annotated[int, Field(gt=0)] | None = Field(None, description="in unit")
    mint_url: str | None = None
    unit: Literal["sat", "msat"] = "sat"


class Revoke(_Asked):
    """How a key ends, and where what is on it goes."""

    refund: Literal["token", "lightning", "none"] = "token"
    lightning_address: str | None = None
