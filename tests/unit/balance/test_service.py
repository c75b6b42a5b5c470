"""Decisions of the balance endpoints, on played authentication, books and refunds."""

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from sqlalchemy import Connection

from routstr.auth.service import Authenticator, Created, Payer
from routstr.auth.terms import KeyTerms
from routstr.balance.schemas import RefundToken
from routstr.balance.service import BalanceService
from routstr.core.db import Database
from routstr.errors import (
    AuthError,
    ChildKeyNotAllowed,
    KeyNotFound,
    MissingApiKey,
    RefundNotFound,
    RoutstrError,
)
from routstr.ledger import books
from routstr.ledger.books import Balance
from routstr.money import ZERO, Msat, Unit
from routstr.payment.foreign import Arrival
from routstr.payment.lightning_refund import LightningRefunds
from routstr.payment.refund import Part, Refund, Refunds
from routstr.payment.x_cashu import Payment, XCashu
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.sagas import Plan, Saga

PAYER = Payer(7, "key_1", "sk-" + "ab" * 32, "https://mint.example", "sat", None)
CHILD = msgspec.structs.replace(PAYER, key_id="key_2", is_child=True)
STATE = Balance(Msat(1_500), Msat(400), Msat(2_000), Msat(500), 3, 4_000, 6_000)
SAGA = Saga(
    id=3,
    kind=SagaKind.RECEIVE,
    state=SagaState.DONE,
    purpose="create",
    account=7,
    mint="https://mint.example",
    unit=Unit.SAT,
    gross=3,
    fee=1,
    plan=Plan(keyset="00", first_counter=0, amounts=[2]),
    context={},
    epoch=1,
    owner=1,
    created_at=1,
)


class Auth:
    """Knows one payer; ``refuses`` is what it raises."""

    def __init__(self, refuses: RoutstrError | None = None, known: bool = True) -> None:
        self.refuses = refuses
        self.known = known
        self.expires_at: int | None = None

    async def current_payer(self, authorization: str | None) -> Payer:
        if self.refuses is not None:
            raise self.refuses
        return PAYER

    async def known_payer(self, authorization: str | None) -> Payer:
        if authorization == "Bearer child":
            return CHILD
        if not self.known:
            raise self.refuses or AuthError
        return PAYER

    async def create_api_key(self, text: str, *, terms: KeyTerms) -> Created:
        self.expires_at = terms.expires_at
        return Created(PAYER, Arrival.of(SAGA)) if text == "new" else Created(PAYER, None, "rest")

    async def top_up(self, payer: Payer, text: str) -> Arrival:
        return Arrival.of(SAGA)


class Books:
    """Answers reads as the ledger would."""

    async def read(self, fn: Callable[[Connection], Any]) -> Any:
        return fn(cast("Connection", None))


class Paying:
    def __init__(
        self, unit: Unit, more: tuple[Part, ...] = (), earlier: tuple[Part, ...] = ()
    ) -> None:
        self.unit = unit
        self.more = more
        self.earlier = earlier

    async def refund(self, account: int, mint: str, unit: Unit) -> Refund:
        assert (account, mint, unit) == (7, PAYER.mint, Unit.SAT)
        parts: Any = {"more": self.more, "earlier": self.earlier}
        return Refund("cashuB", 3, self.unit, mint, Msat(1), repeated=False, **parts)


class NoLightning:
    """No refund over Lightning is under way."""

    async def require_none(self, account: int) -> None:
        assert account == PAYER.account


class Claims:
    """Knows one token that paid for a request."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    async def claim(self, text: str) -> tuple[Payment, Refund]:
        if text != "cashuBpaid":
            raise RefundNotFound
        payment = Payment(7, "payment_1", PAYER.mint, self.unit, ZERO, ZERO, cast("Refunds", None))
        return payment, Refund("cashuBrest", 3, self.unit, PAYER.mint, Msat(1), repeated=True)


@pytest.fixture(autouse=True)
def _books(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "balance", lambda _connection, _account: STATE)


def service(
    auth: Auth | None = None,
    unit: Unit = Unit.SAT,
    more: tuple[Part, ...] = (),
    refunds: Paying | None = None,
) -> BalanceService:
    return BalanceService(
        cast("Database", Books()),
        cast("Authenticator", auth or Auth()),
        cast("Refunds", refunds or Paying(unit, more)),
        cast("XCashu", Claims(unit)),
        cast("LightningRefunds", NoLightning()),
    )


async def test_a_new_key_tells_what_the_token_brought() -> None:
    auth = Auth()
    answer = await service(auth).create("new", KeyTerms(expires_at=9_000))
    assert (answer.api_key, answer.id, answer.balance) == (PAYER.key, "key_1", 1_100)
    assert (answer.gross, answer.mint_fee, answer.credited) == (3_000, 1_000, 2_000)
    assert auth.expires_at == 9_000


async def test_a_known_token_adds_nothing() -> None:
    auth = Auth()
    answer = await service(auth).create("old", KeyTerms())
    assert (answer.credited, answer.gross, answer.mint_fee) == (None, None, None)
    assert answer.change == "rest", "what it left over is told again"
    assert auth.expires_at is None


async def test_a_top_up_tells_fee_and_balance() -> None:
    answer = await service().top_up("Bearer x", "cashuB")
    assert (answer.msats, answer.gross, answer.mint_fee, answer.balance) == (
        2_000, 3_000, 1_000, 1_100,
    )  # fmt: skip


async def test_a_refund_in_parts_tells_each_and_describes_the_largest() -> None:
    answer = await service(more=(Part("cashuC", 2_500, Unit.MSAT, "m2", Msat(4)),)).refund(
        "Bearer x"
    )
    assert (answer.token, answer.sats, answer.msats) == ("cashuB", "3", None)
    told = [(one.token, one.amount, one.unit, one.mint) for one in answer.tokens]
    assert told == [("cashuB", 3, "sat", PAYER.mint), ("cashuC", 2_500, "msat", "m2")]
    assert (answer.refunded_msats, answer.mint_fee, answer.pending_msats) == (5_500, 5, 0)


async def test_earlier_tokens_stand_beside_a_refund_and_count_for_nothing() -> None:
    alone = await service().refund("Bearer x")
    assert alone.earlier is None
    refunds = Paying(Unit.SAT, earlier=(Part("cashuC", 2_500, Unit.MSAT, "m2", Msat(4)),))
    answer = await service(refunds=refunds).refund("Bearer x")
    assert answer.earlier == [RefundToken(token="cashuC", amount=2_500, unit="msat", mint="m2")]
    assert answer.model_copy(update={"earlier": None}) == alone


@pytest.mark.parametrize(("unit", "sats", "msats"), [(Unit.SAT, "3", None), (Unit.MSAT, None, "3")])
async def test_a_refund_names_its_unit(unit: Unit, sats: str | None, msats: str | None) -> None:
    answer = await service(unit=unit).refund("Bearer x")
    assert (answer.sats, answer.msats, answer.unit) == (sats, msats, unit.value)
    assert (answer.token, answer.mint_fee, answer.balance) == ("cashuB", 1, 1_100)


@pytest.mark.parametrize(
    ("refusal", "told"), [(AuthError(), KeyNotFound), (MissingApiKey(), MissingApiKey)]
)
async def test_refunds_are_for_existing_keys(
    refusal: RoutstrError, told: type[RoutstrError]
) -> None:
    stranger = service(Auth(refusal, known=False))
    with pytest.raises(told) as refund:
        await stranger.refund("Bearer x")
    assert type(refund.value) is told


async def test_what_a_child_key_spends_is_given_back_to_its_parent() -> None:
    for refund in (
        service().refund("Bearer child"),
        service().refund_over_lightning("Bearer child", "me@wallet.example"),
    ):
        with pytest.raises(ChildKeyNotAllowed, match="Cannot refund child key"):
            await refund


@pytest.mark.parametrize("unit", Unit)
async def test_the_change_of_a_request_is_claimed_with_the_token_that_paid(unit: Unit) -> None:
    answer = await service(unit=unit).claim("cashuBpaid")
    assert (answer.token, answer.unit, answer.mint) == ("cashuBrest", unit.value, PAYER.mint)
    assert (answer.sats, answer.msats) == (("3", None) if unit is Unit.SAT else (None, "3"))
    assert (answer.mint_fee, answer.balance, answer.repeated) == (1, 1_100, True)
    with pytest.raises(RefundNotFound):
        await service().claim("cashuBother")


@pytest.mark.parametrize("header", ["", " "])
async def test_an_empty_token_claims_nothing(header: str) -> None:
    with pytest.raises(MissingApiKey):
        await service().claim(header)
