"""What the routes of the wallet take and tell. Nothing bearer but the token that was asked for."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from routstr.money import Unit

Name = Annotated[
    str | None,
    Field(max_length=200, description="names this call: the same name again moves nothing more"),
]
Mint = Annotated[str | None, Field(max_length=512)]
Amount = Annotated[int, Field(ge=1, le=10**12)]
Trouble = Literal["cooldown", "unreachable"]


class _Asked(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")


class MintBalance(BaseModel):
    """What is at a mint, in ``unit``; with an ``error`` when the mint does not serve now."""

    mint_url: str
    unit: Unit
    wallet_balance: int = Field(description="proofs that are free or in a movement")
    user_balance: int = Field(description="the part of them that is owed, or on its way out")
    owner_balance: int = Field(description="the operator's part; below zero: it lies elsewhere")
    error: str | None = None
    error_code: Trouble | None = None
    retry_after_seconds: int | None = None


class WalletPlace(BaseModel):
    """A mint in one unit, in that unit. ``owed_msat`` and ``yours_msat`` may be unknown yet.

    Owed is what the balances have here, and what was given out or is on its way to clients.
    """

    unit: Unit
    liquid: int
    reserved: int = Field(description="in movements that have not ended")
    coming_in: int
    going_out: int
    given_out: int = Field(description="in tokens that nobody has redeemed yet")
    doubted: int = Field(description="of liquid: the mint calls it spent, and is asked again")
    payable: int = Field(description="what can be taken out here")
    owed_msat: int | None
    yours_msat: int | None
    amounts: dict[int, int] = Field(description="free proofs: how many of each amount")


class KeysetAnswer(BaseModel):
    """A keyset of a mint, and the free proofs in it."""

    id: str
    unit: Unit
    active: bool
    fee_ppk: int = Field(description="for spending a thousand proofs (NUT-02)")
    proofs: int
    amount: int


class WalletMint(BaseModel):
    """A mint. ``state``: ok, failing, resting, unknown (not asked yet), unlisted. Times are ms."""

    url: str
    listed: bool
    primary: bool
    state: str
    problem: str
    rest_s: int
    latency_ms: int | None
    answered_at: int | None
    failed_at: int | None
    cap_msat: int | None = Field(description="what may lie here at most; null: anything")
    lying_msat: int
    places: list[WalletPlace]
    keysets: list[KeysetAnswer]


class WalletAnswer(BaseModel):
    """Everything about the wallet. Sums are msat, of all mints and units."""

    held_msat: int
    between_msat: int = Field(description="left one mint and has not arrived at the other")
    owed_msat: int
    yours_msat: int
    recovered_msat: int = Field(description="found beside the books; owed until it is given")
    seed_shown: bool = Field(description="whether somebody has seen the twelve words")
    mints: list[WalletMint]


class SagaAnswer(BaseModel):
    """A movement at a mint. Amounts are in ``unit``, times ms since 1970."""

    id: int
    kind: str
    purpose: str
    state: str
    mint: str
    unit: Unit
    gross: int = Field(description="the whole amount, fee included")
    fee: int
    created_at: int
    ended_at: int | None
    age_s: int
    waits_for: str | None = Field(description="of an open one: what it waits for, in one word")
    problem: str | None


class SagaList(BaseModel):
    """Movements; ``next`` is the ``before`` of the next, older page."""

    sagas: list[SagaAnswer]
    next: int | None = None


class Resolved(BaseModel):
    """What became of a movement. ``why`` it stays open, or more of its end."""

    saga: SagaAnswer
    why: str


class ResolvedList(BaseModel):
    """What became of each movement that was asked about."""

    sagas: list[Resolved]
    open: int


class TakeOut(_Asked):
    """So much of the operator's own as a token; ``amount`` in ``unit``, the mint's fee included."""

    amount: Amount
    mint_url: Mint = None
    unit: Unit = Unit.SAT
    operation_id: Name = None


class TakenOut(BaseModel):
    """The token. It is stored: the same ``operation_id`` tells it again."""

    token: str
    mint_url: str
    unit: Unit
    amount: int = Field(description="what the token is worth")
    mint_fee: int
    saga: int
    redeemed: bool = False


class PayoutRequest(_Asked):
    """Where to: a Lightning address, LNURL or invoice; RECEIVE_LN_ADDRESS when it is left out."""

    to: Annotated[str | None, Field(max_length=4_096)] = None
    amount_sat: Annotated[int | None, Field(ge=1, le=10**12)] = None
    mint_url: Mint = None
    operation_id: Name = None


class PayoutAnswer(BaseModel):
    """A payout. ``paid`` and fees are null until that is known; amounts are in ``unit``."""

    saga: int
    kind: Literal["token", "lightning"]
    state: str
    mint: str
    unit: Unit
    amount: int = Field(description="what the recipient gets")
    fees_msat: int | None
    created_at: int


class PayoutList(BaseModel):
    """Payouts; ``next`` as in :class:`SagaList`."""

    payouts: list[PayoutAnswer]
    next: int | None = None


class MoveRequest(_Asked):
    """So many sat from one listed mint to another; the primary one when ``target`` is left out."""

    source: Annotated[str, Field(max_length=512)]
    target: Mint = None
    amount_sat: Amount
    unit: Unit = Unit.SAT
    operation_id: Name = None


class MoveAnswer(BaseModel):
    """A move between mints, in msat."""

    id: int
    stage: str
    source: str
    target: str
    amount_msat: int
    cost_msat: int | None
    saga: int | None
    created_at: int


class MoveList(BaseModel):
    """The newest moves."""

    moves: list[MoveAnswer]


class VerifyRequest(_Asked):
    """``full``: everything from the first transfer on, and not only what is new."""

    full: StrictBool = False


class CheckAnswer(BaseModel):
    """One equation."""

    name: str
    holds: bool
    problems: list[str]


class VerificationAnswer(BaseModel):
    """The last verification of this process, and the one under way; times are ms since 1970."""

    running_since: int | None
    problem: str = Field(description="why the one that was asked for last came to no end")
    at: int | None = None
    full: bool = False
    holds: bool | None = None
    deposits_open: bool | None = None
    assets_msat: int | None = None
    owed_msat: int | None = None
    checks: list[CheckAnswer] = []


class TidyAnswer(BaseModel):
    """How many times proofs were swapped for fewer or newer ones."""

    swaps: int


class ReleaseRequest(_Asked):
    """What was found, or a part of it, to a key's balance, or without a key to the operator."""

    key: Annotated[str | None, Field(max_length=64, description="a key's id, key_...")] = None
    amount_msat: Annotated[int | None, Field(ge=1)] = None
    operation_id: Name = None


class ReleaseAnswer(BaseModel):
    """What was moved; 0 when this operation had been done before."""

    moved_msat: int
    recovered_msat: int
