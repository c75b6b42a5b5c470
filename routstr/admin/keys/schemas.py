"""What the admin API tells of keys. Amounts are msat, times Unix seconds."""

from typing import Literal

import msgspec
from pydantic import BaseModel, Field

from routstr.auth.key_lists import KeyRow
from routstr.ledger.browse import OpenHold
from routstr.ledger.key_limits import LimitState
from routstr.ledger.limits import Reset
from routstr.wallet.models import IssuedState, SagaState
from routstr.wallet.papers import GivenToken

_MS = 1_000
State = Literal["active", "expired", "revoked"]


class LimitInfo(BaseModel):
    """What a key may spend: ``cap`` over its life, or in each period of UTC."""

    cap: int | None
    reset: str | None
    spent: int = Field(description="counted in the current period")
    left: int | None
    total_spent: int
    total_requests: int

    @classmethod
    def of(cls, limit: LimitState) -> "LimitInfo":
        """Tell a limit."""
        return cls(
            cap=limit.cap,
            reset=None if limit.reset is Reset.NEVER else limit.reset.name.lower(),
            spent=limit.spent,
            left=limit.left,
            total_spent=limit.total_spent,
            total_requests=limit.total_requests,
        )


class KeyInfo(BaseModel):
    """A key in a list. Of a child key the balance is its parent's, what it spent its own."""

    id: str = Field(description="public id")
    name: str | None
    note: str | None
    state: State
    parent: str | None
    balance: int = Field(description="available")
    reserved: int
    total: int
    total_spent: int
    total_requests: int
    created_at: int
    last_used_at: int | None
    expires_at: int | None
    revoked_at: int | None
    limit: LimitInfo | None = None

    @classmethod
    def of(cls, row: KeyRow, limit: LimitState | None, now: int) -> "KeyInfo":
        """Tell a key as it stands at a moment (ms)."""
        own = limit if row.parent is not None else None
        return cls(
            id=row.public_id,
            name=row.name,
            note=row.note,
            state=state_of(row, now),
            parent=row.parent,
            balance=row.available,
            reserved=row.held,
            total=row.posted,
            total_spent=row.spent if own is None else own.total_spent,
            total_requests=row.requests if own is None else own.total_requests,
            created_at=row.created_at // _MS,
            last_used_at=seconds(row.last_used_at),
            expires_at=seconds(row.expires_at),
            revoked_at=seconds(row.revoked_at),
            limit=None if limit is None else LimitInfo.of(limit),
        )


class HoldInfo(BaseModel):
    """Money that is set aside for a request under way."""

    id: int
    amount: int
    request_id: str
    model: str
    endpoint: str
    created_at: int

    @classmethod
    def of(cls, hold: OpenHold) -> "HoldInfo":
        """Tell a hold."""
        return cls(
            id=hold.id,
            amount=hold.amount,
            request_id=hold.request_id,
            model=hold.model,
            endpoint=hold.endpoint,
            created_at=hold.created_at // _MS,
        )


class TokenInfo(BaseModel):
    """A token that was given out, never its text. ``amount`` is its face value in ``unit``."""

    id: int = Field(description="of the movement that made it")
    key: str | None
    purpose: str
    mint_url: str
    unit: str
    amount: int
    msats: int
    mint_fee: int = Field(description="in unit")
    status: Literal["issued", "collected", "pending", "failed"]
    created_at: int
    collected_at: int | None
    by_operator: bool = False

    @classmethod
    def of(cls, given: GivenToken, key: str | None, *, by_operator: bool = False) -> "TokenInfo":
        """Tell a token."""
        return cls(
            id=given.saga,
            key=key,
            purpose=given.purpose,
            mint_url=given.mint,
            unit=given.unit.value,
            amount=given.amount,
            msats=given.worth,
            mint_fee=given.fee,
            status=_status(given),
            created_at=given.created_at // _MS,
            collected_at=seconds(given.claimed_at),
            by_operator=by_operator,
        )


class KeyDetail(KeyInfo):
    """Everything about one key but its history."""

    mint_url: str
    unit: str
    refund_address: str | None
    metadata: dict[str, object]
    children: list[KeyInfo]
    holds: list[HoldInfo]
    tokens: list[TokenInfo]


class KeyPage(BaseModel):
    """A page of keys, newest first; older ones with ``before=next_before``."""

    keys: list[KeyInfo]
    next_before: int | None = None


class RulesAnswer(BaseModel):
    """The rules of a key as they are."""

    balance_limit: int | None
    balance_limit_reset: str | None
    validity_date: int | None
    key: KeyInfo


class MadeKey(BaseModel):
    """A new key. The secret is told here and nowhere else.

    ``repeated``: the token had paid for this key before, and nothing of it was changed.
    """

    api_key: str = Field(repr=False)
    id: str
    balance: int
    repeated: bool = False


class TopUpAnswer(BaseModel):
    """What a key has now. ``repeated``: this call had credited it before."""

    balance: int
    repeated: bool


class WithdrawAnswer(BaseModel):
    """A token that was made. ``debited`` left the balance, the mint's fee included."""

    id: int
    token: str = Field(repr=False)
    mint_url: str
    amount: int = Field(description="face value in unit")
    unit: str
    debited: int
    mint_fee: int = Field(description="msat")
    balance: int
    repeated: bool


class RevokeAnswer(BaseModel):
    """The key is revoked. ``problem``: its balance could not be paid out, and is still there."""

    key: KeyInfo
    token: WithdrawAnswer | None = None
    paid_msats: int | None = None
    recipient: str | None = None
    problem: str | None = None


class TemporaryBalance(BaseModel):
    """A key in the words of older clients. ``hashed_key`` is its public id, never a secret."""

    hashed_key: str
    balance: int
    total_spent: int
    total_requests: int
    refund_address: str | None
    key_expiry_time: int | None
    parent_key_hash: str | None
    balance_limit: int | None
    balance_limit_reset: str | None
    validity_date: int | None
    created_at: int


class Totals(BaseModel):
    """Sums over the keys that are listed."""

    total_balance: int
    total_spent: int
    total_requests: int


class TemporaryBalances(BaseModel):
    """A page of keys. ``total`` counts those that are listed here."""

    balances: list[TemporaryBalance]
    total: int
    totals: Totals
    next_before: int | None


def state_of(row: KeyRow, now: int) -> State:
    """How a key stands at a moment (ms)."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "active"


def metadata_of(row: KeyRow) -> dict[str, object]:
    """What the key's holder has noted."""
    return dict(msgspec.json.decode(row.metadata, type=dict[str, object]))


def seconds(at: int | None) -> int | None:
    """A moment in ms, in seconds."""
    return None if at is None else at // _MS


def _status(given: GivenToken) -> Literal["issued", "collected", "pending", "failed"]:
    if given.state is not None:
        return "collected" if given.state is IssuedState.CLAIMED else "issued"
    return "failed" if given.saga_state is SagaState.FAILED else "pending"
