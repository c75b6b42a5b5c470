import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from routstr.admin.keys.requests import Rules
from routstr.admin.keys.schemas import (
    KeyInfo,
    MadeKey,
    TokenInfo,
    WithdrawAnswer,
)
from routstr.auth.key_lists import KeyRow
from routstr.ledger.key_limits import LimitState
from routstr.ledger.limits import Reset
from routstr.money import Msat, Unit
from routstr.wallet.models import IssuedState, SagaState
from routstr.wallet.papers import GivenToken

ROW = KeyRow(
    id=1, account=2, public_id="key_1", name=None, note="n", created_at=5_000, expires_at=9_000,
    revoked_at=None, posted=Msat(10), held=Msat(4), spent=Msat(3), requests=2, last_used_at=None,
    limit=None, mint="https://mint.example", unit="sat", metadata="{}", refund_address=None,
)  # fmt: skip
TOKEN = GivenToken(
    saga=7, purpose="refund", account=2, mint="https://mint.example", unit=Unit.SAT, amount=9,
    fee=1, saga_state=SagaState.DONE, state=None, created_at=5_000, claimed_at=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("revoked_at", "now", "state"),
    [(None, 8_999, "active"), (None, 9_000, "expired"), (1, 1, "revoked"), (1, 9_000, "revoked")],
)
def test_the_state_of_a_key(revoked_at: int | None, now: int, state: str) -> None:
    told = KeyInfo.of(replace(ROW, revoked_at=revoked_at), None, now)
    assert (told.state, told.balance, told.created_at, told.expires_at) == (state, 6, 5, 9)


def test_a_child_spent_what_its_limit_counts() -> None:
    limit = LimitState(Msat(9), Reset.DAILY, Msat(1), Msat(8), Msat(7), 5)
    own, child = (KeyInfo.of(one, limit, 0) for one in (ROW, replace(ROW, parent="key_0")))
    assert (own.total_spent, child.total_spent, child.total_requests) == (3, 7, 5)
    assert child.limit is not None
    assert (child.limit.reset, child.limit.left) == ("daily", 8)


@pytest.mark.parametrize(
    ("saga", "state", "status"),
    [
        (SagaState.DONE, IssuedState.UNCLAIMED, "issued"),
        (SagaState.DONE, IssuedState.CLAIMED, "collected"),
        (SagaState.OPEN, None, "pending"),
        (SagaState.FAILED, None, "failed"),
    ],
)
def test_the_status_of_a_token(saga: SagaState, state: IssuedState | None, status: str) -> None:
    told = TokenInfo.of(replace(TOKEN, saga_state=saga, state=state), "key_1")
    assert (told.status, told.msats, told.key) == (status, 9_000, "key_1")


def test_a_secret_is_in_no_representation_and_unknown_fields_are_refused() -> None:
    made = MadeKey(api_key="sk-secret", id="key_1", balance=0)
    token = WithdrawAnswer(
        id=1, token="cashuBsecret", mint_url="m", amount=1, unit="sat", debited=1, mint_fee=0,
        balance=0, repeated=False,
    )  # fmt: skip
    assert "secret" not in f"{made!r} {token!r} {made} {token}"
    with pytest.raises(ValidationError):
        Rules.model_validate({"key_hash": "x"})
