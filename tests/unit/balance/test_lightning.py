"""Routes of invoices: what is parsed, who may top up, what may be cached."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI

from routstr.auth.invoice_status import Invoice, Status
from routstr.auth.invoices import SATS_MAX, Invoices, Wish
from routstr.auth.service import Authenticator, Payer
from routstr.auth.terms import KeyTerms
from routstr.balance.lightning import PREFIXES, LightningService, router
from routstr.core.clock import ManualClock
from routstr.core.rendering import install_error_handlers
from routstr.errors import AuthError, InvalidToken
from routstr.money import Msat
from routstr.payment.deposits import LIGHTNING_CREATE, LIGHTNING_TOPUP
from tests.unit.core.asgi import Answer, ask
from tests.unit.wallet.test_quotes import QUOTE

JSON = ("content-type", "application/json")
KEY = "sk-" + "a" * 64
PAID = msgspec.structs.replace(
    QUOTE, purpose=LIGHTNING_CREATE, paid_at=QUOTE.created_at + 5_999, request="lnbc80n1"
)


class Played(Invoices):
    """Notes what it was asked."""

    def __init__(self) -> None:
        self.wishes: list[Wish] = []

    async def create(self, wish: Wish, operation: bytes | None = None) -> tuple[str, Invoice]:
        assert operation is None
        self.wishes.append(wish)
        return "the-id", Invoice(PAID, Status.PENDING)

    async def status(self, invoice_id: str) -> Invoice:
        if invoice_id == "a-topup":
            topup = msgspec.structs.replace(PAID, purpose=LIGHTNING_TOPUP)
            return Invoice(topup, Status.PAID)
        return Invoice(PAID, Status.PAID, KEY)

    async def recover(self, text: str) -> Invoice:
        assert text == "lnbc80n1"
        return Invoice(PAID, Status.PAID)


class Doorman(Authenticator):
    """Knows one key, which expires."""

    def __init__(self) -> None:
        self.payer_ = Payer(7, "key_7", KEY, "m", "sat", 2_000)

    async def known_payer(self, authorization: str | None) -> Payer:
        if authorization == "Bearer cashuBjunk":
            raise InvalidToken
        if authorization != f"Bearer {KEY}":
            raise AuthError
        return self.payer_


CLOCK = ManualClock(1_000)
PLAYED = Played()


def _app() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)
    for prefix in PREFIXES:
        app.include_router(router, prefix=prefix)
    app.state.lightning = LightningService(PLAYED, Doorman(), CLOCK)
    return app


APP = _app()


@pytest.fixture
def played() -> Played:
    PLAYED.wishes.clear()
    CLOCK.ms = 1_000
    return PLAYED


async def call(
    method: str, path: str, body: object = None, headers: Sequence[tuple[str, str]] = ()
) -> Answer:
    chunks = [b""] if body is None else [msgspec.json.encode(body)]
    return await ask(APP, method, path, headers=[JSON, *headers], chunks=chunks)


async def order(body: object, *, key: str | None = None) -> Answer:
    headers = [] if key is None else [("authorization", f"Bearer {key}")]
    return await call("POST", "/v1/balance/lightning/invoice", body, headers)


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_the_answers_have_the_contract_s_shapes(played: Played, prefix: str) -> None:
    made = await call("POST", f"{prefix}/lightning/invoice", {"amount_sats": 8})
    assert made.status == 200
    assert made.json() == {
        "invoice_id": "the-id",
        "bolt11": "lnbc80n1",
        "amount_sats": 8,
        "expires_at": QUOTE.expires_at // 1_000,
        "payment_hash": "00" * 32,
        "mint": QUOTE.mint,
    }
    told = await call("GET", f"{prefix}/lightning/invoice/the-id/status")
    assert told.json() == {
        "status": "paid",
        "api_key": KEY,
        "amount_sats": 8,
        "paid_at": QUOTE.created_at // 1_000 + 5,
        "created_at": QUOTE.created_at // 1_000,
        "expires_at": QUOTE.expires_at // 1_000,
        "purpose": "create",
        "payment_hash": "00" * 32,
        "mint": QUOTE.mint,
    }
    found = await call("POST", f"{prefix}/lightning/recover", {"bolt11": "lnbc80n1"})
    assert found.json() == {**told.json(), "api_key": None}
    for answer in (made, told, found):
        assert answer.header("cache-control") == "no-store"
    assert played.wishes[0].payer is None


async def test_a_new_key_s_terms_are_passed_on(played: Played) -> None:
    terms = {"balance_limit": 5, "balance_limit_reset": "daily", "validity_date": 9}
    assert (await order({"amount_sats": 8, "mint": "https://m.example", **terms})).status == 200
    (wish,) = played.wishes
    assert wish.terms == KeyTerms(
        expires_at=9_000, balance_limit=Msat(5), balance_limit_reset="daily"
    )
    assert (wish.sats, wish.mint) == (8, "https://m.example")


async def test_a_topup_is_for_the_key_that_asks(played: Played) -> None:
    assert (await order({"amount_sats": 8, "purpose": "topup"}, key=KEY)).status == 200
    (wish,) = played.wishes
    assert wish.payer is not None
    assert wish.payer.account == 7
    told = (await call("GET", "/lightning/invoice/a-topup/status")).json()
    assert (told["purpose"], told["api_key"]) == ("topup", None)


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (None, 401, "topup_authorization_required"),
        ("", 401, "topup_authorization_required"),
        ("abc", 400, "topup_invalid_api_key_format"),
        ("sk-" + "b" * 64, 404, "topup_api_key_not_found"),
        ("cashuBjunk", 404, "topup_api_key_not_found"),
    ],
)
async def test_who_may_not_top_up_is_told_why(
    played: Played, key: str | None, status: int, code: str
) -> None:
    answer = await order({"amount_sats": 8, "purpose": "topup", "api_key": KEY}, key=key)
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)
    assert played.wishes == []


async def test_an_expired_key_is_not_topped_up(played: Played) -> None:
    CLOCK.ms = 2_000
    answer = await order({"amount_sats": 8, "purpose": "topup"}, key=KEY)
    assert (answer.status, answer.json()["error"]["code"]) == (403, "key_expired")
    assert played.wishes == []


@pytest.mark.parametrize(
    "more", [{"balance_limit": 5}, {"balance_limit_reset": "daily"}, {"validity_date": 9}]
)
async def test_a_topup_changes_no_terms(played: Played, more: dict[str, Any]) -> None:
    answer = await order({"amount_sats": 8, "purpose": "topup", **more}, key=KEY)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_parameter")
    assert played.wishes == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"amount_sats": 0},
        {"amount_sats": -1},
        {"amount_sats": SATS_MAX + 1},
        {"amount_sats": 1.5},
        {"amount_sats": 8, "purpose": "gift"},
        {"amount_sats": 8, "validity_date": 0},
    ],
)
async def test_what_is_not_as_agreed_is_refused(played: Played, body: object) -> None:
    assert (await order(body)).status == 422
    assert played.wishes == []


async def test_a_long_id_is_looked_for_nowhere(played: Played) -> None:
    assert (await call("GET", f"/lightning/invoice/{'0' * 129}/status")).status == 422
    assert played.wishes == []
