"""Routes with an Idempotency-Key, through a real FastAPI application and real records."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pytest
from fastapi import APIRouter, FastAPI, Response

from routstr.balance.idempotency import Operation, RepeatableRoute, Repetition
from routstr.core.rendering import install_error_handlers
from routstr.errors import (
    AuthError,
    BalanceChanged,
    BalanceTooSmall,
    InsufficientBalance,
    InvalidToken,
    MintUnreachable,
    NothingToRefund,
    RedemptionPending,
    RefundPending,
    RoutstrError,
    TokenAlreadySpent,
    TooManyInvoices,
    ZeroValueToken,
)
from tests.unit.core.asgi import Answer, ask
from tests.unit.payment.idempotency.memory import NODE, Memory, repeats

KEY: Final = "8e03978e-40d5-43dd-bc93-6894a57f9324"
AUTH: Final = ("Authorization", "Bearer sk-1")


@dataclass
class House:
    """An application with one router, under two prefixes, and what its handler was given."""

    memory: Memory
    operations: list[bytes | None] = field(default_factory=list)
    act: Callable[[], Awaitable[object]] | None = None
    error: Exception | None = None
    status: int = 200
    gone: frozenset[str | None] = frozenset()

    def __post_init__(self) -> None:
        router = APIRouter(route_class=RepeatableRoute)

        @router.get("/move")
        @router.post("/move")
        async def move(response: Response, operation: Operation) -> dict[str, int]:
            self.operations.append(operation)
            if self.act is not None:
                await self.act()
            if self.error is not None:
                raise self.error
            response.status_code = self.status
            response.headers["X-Cashu"] = f"token{len(self.operations)}"
            return {"moved": len(self.operations)}

        @router.post("/rotate")
        @router.post("/other")
        async def other() -> dict[str, int]:
            return {}

        self.app = FastAPI()
        install_error_handlers(self.app)
        self.app.include_router(router, prefix="/v1/balance")
        self.app.include_router(router, prefix="/v1/wallet", include_in_schema=False)
        self.repeats = repeats(self.memory)
        self.app.state.repetition = Repetition(self.repeats, NODE, self.knows)

    async def knows(self, authorization: str | None) -> bool:
        return authorization not in self.gone

    async def post(
        self,
        path: str = "/v1/balance/move",
        *,
        key: str | None = KEY,
        headers: Iterable[tuple[str, str]] = (AUTH,),
        body: object = None,
        method: str = "POST",
        query: str = "",
    ) -> Answer:
        keyed = [] if key is None else [("Idempotency-Key", key)]

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope, "query_string": query.encode()}, receive, send)

        json = [("Content-Type", "application/json")]
        chunks = [msgspec.json.encode(body)] if body is not None else [b""]
        return await ask(app, method, path, headers=[*headers, *keyed, *json], chunks=chunks)


@pytest.fixture
def house() -> Iterator[House]:
    memory = Memory()
    yield House(memory)
    memory.close()


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["code"]


async def test_a_key_that_nobody_has_leaves_no_record(house: House) -> None:
    house.gone, house.error = frozenset({AUTH[1]}), AuthError()
    assert code(await house.post()) == (401, "invalid_api_key")
    assert (await house.post("/v1/balance/rotate")).status == 200  # of whoever answers there
    assert (house.memory.writes, house.operations) == (0, [None])


async def test_without_the_header_every_call_is_carried_out(house: House) -> None:
    for _ in range(2):
        assert (await house.post(key=None)).status == 200
    assert house.operations == [None, None]
    assert house.memory.writes == 0


async def test_a_repeat_gets_the_same_answer(house: House) -> None:
    first, again = [await house.post() for _ in range(2)]
    assert (again.status, again.body) == (first.status, first.body)
    assert again.header("x-cashu") == "token1"
    assert (first.header("idempotent-replayed"), again.header("idempotent-replayed")) == (
        None,
        "true",
    )
    (operation,) = house.operations
    assert operation is not None
    assert len(operation) == 32


async def test_an_alias_is_the_same_route(house: House) -> None:
    await house.post()
    assert (await house.post("/v1/wallet/move")).header("idempotent-replayed") == "true"
    assert len(house.operations) == 1


@pytest.mark.parametrize(
    "other", [{"path": "/v1/balance/other"}, {"body": {"a": 1}}, {"query": "a=1"}]
)
async def test_a_key_is_one_calls(house: House, other: dict[str, Any]) -> None:
    await house.post()
    answer = await house.post(**other)
    assert code(answer) == (409, "idempotency_key_reused")
    assert answer.json()["error"]["type"] == "idempotency_error"
    assert answer.header("cache-control") == "no-store"


async def test_a_running_call_is_waited_for(house: House) -> None:
    async def nested() -> None:
        answer = await house.post()
        assert code(answer) == (409, "idempotency_in_progress")
        assert answer.header("retry-after") == "1"

    house.act = nested
    assert (await house.post()).status == 200


async def test_a_get_is_passed_by(house: House) -> None:
    for _ in range(2):
        assert (await house.post(method="GET")).status == 200
    assert house.operations == [None, None]


@pytest.mark.parametrize(
    ("error", "calls", "one_operation"),
    [
        (TokenAlreadySpent(), 1, True),  # final
        (ZeroValueToken(), 1, True),
        (InsufficientBalance(), 2, False),  # nothing was done: the key is free
        (InvalidToken(), 2, False),
        (NothingToRefund(), 2, False),
        (BalanceTooSmall(), 2, False),
        (TooManyInvoices(), 2, False),
        (MintUnreachable(), 2, True),  # unfinished
        (RedemptionPending(), 2, True),
        (RefundPending(), 2, True),
        (BalanceChanged(), 2, True),
        (RoutstrError(), 2, True),
    ],
)
async def test_what_an_error_means_for_the_repeat(
    house: House, error: Exception, calls: int, one_operation: bool
) -> None:
    house.error = error
    first, again = [await house.post() for _ in range(2)]
    assert (first.status, code(first)) == (again.status, code(again))
    assert len(house.operations) == calls
    assert (len(set(house.operations)) == 1) is one_operation


async def test_what_was_left_unfinished_once_is_never_forgotten(house: House) -> None:
    """An attempt that nobody knows the end of may have moved money: its operation stays."""
    house.error = MintUnreachable()
    await house.post()
    house.error = InsufficientBalance()
    await house.post()
    house.error = None
    await house.post()
    assert len(set(house.operations)) == 1


async def test_a_fault_leaves_the_call_to_its_repeat(house: House) -> None:
    house.error = ZeroDivisionError()
    assert (await house.post()).status == 500
    house.error = None
    assert (await house.post()).status == 200
    assert len(set(house.operations)) == 1


async def test_an_answer_that_is_not_final_is_not_kept(house: House) -> None:
    house.status = 202
    for _ in range(2):
        assert (await house.post()).status == 202
    assert len(house.operations) == 2
    assert len(set(house.operations)) == 1


async def test_while_the_database_is_away_the_answer_arrives(house: House) -> None:
    async def away() -> None:
        house.memory.away = True

    house.act = away
    assert (await house.post()).status == 200
    assert (await house.post()).status == 503
    house.memory.away = False
    assert (await house.post()).header("idempotent-replayed") == "true"
    assert len(house.operations) == 1


class TestWhoMayAsk:
    @pytest.mark.parametrize(
        "headers", [[("Authorization", "Bearer sk-2")], [("X-Cashu", "cashuBother")]]
    )
    async def test_another_credential_has_keys_of_its_own(
        self, house: House, headers: list[tuple[str, str]]
    ) -> None:
        await house.post()
        assert (await house.post(headers=headers)).header("idempotent-replayed") is None
        assert len(house.operations) == 2

    @pytest.mark.parametrize("place", ["body", "query"])
    async def test_a_token_that_is_the_payment_is_the_credential(
        self, house: House, place: str
    ) -> None:
        def given(token: str) -> dict[str, Any]:
            if place == "body":
                return {"body": {"initial_balance_token": token}}
            return {"query": f"token={token}"}

        for token in ("cashuBa", "cashuBa", "cashuBb"):
            await house.post(headers=(), key="1", **given(token))
        assert len(house.operations) == 2

    async def test_without_any_the_key_itself_must_be_a_secret(self, house: House) -> None:
        assert code(await house.post(headers=(), key="1")) == (400, "invalid_idempotency_key")
        assert house.operations == []
        for _ in range(2):
            assert (await house.post(headers=())).status == 200
        assert len(house.operations) == 1

    async def test_who_has_a_key_that_is_one_no_more_hears_no_answer(self, house: House) -> None:
        await house.post()
        await house.post("/v1/balance/rotate", key="r" * 32)
        house.gone = frozenset({AUTH[1]})
        house.error = AuthError()
        refused = await house.post()
        assert code(refused) == (401, "invalid_api_key")
        assert house.operations[1:] == [None]
        told = await house.post("/v1/balance/rotate", key="r" * 32)
        assert told.header("idempotent-replayed") == "true"
        house.gone = frozenset()
        assert (await house.post()).header("idempotent-replayed") == "true"

    async def test_a_new_secret_is_not_told_to_who_guesses_a_number(self, house: House) -> None:
        refused = await house.post("/v1/balance/rotate", key="1")
        assert code(refused) == (400, "invalid_idempotency_key")
        assert (await house.post("/v1/balance/rotate")).status == 200


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256])
async def test_a_bad_key_is_refused(house: House, key: str) -> None:
    assert code(await house.post(key=key)) == (400, "invalid_idempotency_key")
    assert house.operations == []


async def test_two_keys_in_one_call_are_refused(house: House) -> None:
    answer = await house.post(headers=[AUTH, ("Idempotency-Key", "another")])
    assert code(answer) == (400, "invalid_request")


async def test_whoever_leaves_while_sending_began_nothing(house: House) -> None:
    answer = await ask(
        house.app,
        "POST",
        "/v1/balance/move",
        headers=[AUTH, ("Idempotency-Key", KEY)],
        chunks=(),
    )
    assert (answer.messages, answer.raised) == ([], None)
    assert house.memory.writes == 0


async def test_the_header_is_described(house: House) -> None:
    operations = house.app.openapi()["paths"]["/v1/balance/move"]
    names = {
        method: [one["name"] for one in operation.get("parameters", [])]
        for method, operation in operations.items()
    }
    assert names == {"get": [], "post": ["Idempotency-Key"]}
