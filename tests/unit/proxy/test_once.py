"""A paid request with an Idempotency-Key: what its repeats are told, however it ended."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest
from starlette.types import Message

from routstr.errors import (
    AuthError,
    DatabaseUnavailable,
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidIdempotencyKey,
    OutcomeUnknown,
    RequestAlreadyPaid,
    RoutstrError,
    UpstreamError,
)
from routstr.ledger.entries import HoldState
from routstr.money import ZERO, Msat
from routstr.payment.cost import NOTHING
from routstr.payment.metering import Receipt
from routstr.payment.usage import Usage
from routstr.proxy.exchange import Exchange
from routstr.proxy.once import ANSWER_BYTES_MAX, Once
from routstr.proxy.wire import Credentials
from tests.unit.core.asgi import Answer, http_scope
from tests.unit.payment.idempotency.memory import NODE, Memory, repeats

ENDPOINT: Final = "/v1/chat/completions"
KEYED: Final = Credentials("Bearer sk-1", None, "key")
JSON: Final = [(b"content-type", b"application/json"), (b"x-cashu", b"change")]
RECEIPT: Final = Receipt(NOTHING, Msat(73), ZERO, Msat(927), Usage(12, 6), None)
DETAILS: Final = {
    "request_id": "request-1",
    "model": "m",
    "input_tokens": 12,
    "output_tokens": 6,
    "cost_msats": 73,
    "status": 200,
}


@dataclass
class House:
    """An endpoint that does what it is told, and counts how often."""

    memory: Memory
    served: int = 0
    gone: frozenset[str | None] = frozenset()
    seen: list[tuple[Credentials, bytes]] = field(default_factory=list)
    kept_before: list[int] = field(default_factory=list)
    """How many answers were kept when each message passed to the client."""

    async def ask(
        self,
        act: Callable[[Exchange], Awaitable[None]],
        credentials: Credentials = KEYED,
        body: bytes = b"{}",
        *,
        store: bool = False,
    ) -> Answer:
        answer = Answer()

        async def serve(exchange: Exchange, credentials: Credentials, body: bytes) -> None:
            self.served += 1
            exchange.model = "m"
            await act(exchange)

        async def send(message: Message) -> None:
            self.kept_before.append(sum(kept for _, kept in await self.memory.rows()))
            answer.messages.append(message)

        async def receive() -> Message:
            raise AssertionError("the body was read already")

        number = self.served + 1
        scope = http_scope("POST", "/chat/completions")
        exchange = Exchange(scope, receive, send, f"request-{number}")
        exchange.always_send([(b"x-routstr-request-id", str(number).encode())])
        once = Once(self.repeats, NODE, self.knows, store_answers=store)
        await once.around(ENDPOINT, serve)(exchange, credentials, body)
        return answer

    async def knows(self, authorization: str | None) -> bool:
        return authorization not in self.gone

    def __post_init__(self) -> None:
        self.repeats = repeats(self.memory)


@pytest.fixture
def house() -> Iterator[House]:
    memory = Memory()
    yield House(memory)
    memory.close()


async def good(exchange: Exchange) -> None:
    exchange.receipt = RECEIPT
    await exchange.answer(200, JSON, b'{"choices":[]}')


async def streamed(exchange: Exchange) -> None:
    await exchange.start(200, [(b"content-type", b"text/event-stream")])
    await exchange.write(b"data: 1\n\n")
    exchange.receipt = RECEIPT
    await exchange.write(b"data: [DONE]\n\n", last=True)


async def left(exchange: Exchange) -> None:
    """The client has gone: charged, and nothing is sent."""
    exchange.receipt = RECEIPT


async def free(exchange: Exchange) -> None:
    """Nothing is charged, and that is no failure."""
    await exchange.answer(200, JSON, b"{}")


def failing(error: BaseException) -> Callable[[Exchange], Awaitable[None]]:
    async def fail(_exchange: Exchange) -> None:
        raise error

    return fail


@pytest.mark.parametrize("store", [False, True])
async def test_who_has_a_key_that_is_one_no_more_hears_no_receipt(
    house: House, *, store: bool
) -> None:
    named = Credentials("Bearer sk-1", idempotency_key="a")
    await house.ask(good, named, store=store)
    house.gone = frozenset({"Bearer sk-1"})
    with pytest.raises(AuthError):
        await house.ask(failing(AuthError()), named, store=store)


async def test_a_key_that_nobody_has_leaves_no_record(house: House) -> None:
    house.gone = frozenset({KEYED.authorization})
    with pytest.raises(AuthError):
        await house.ask(failing(AuthError()))
    assert (house.served, house.memory.writes) == (1, 0)


async def test_without_the_header_nothing_is_asked_or_written(house: House) -> None:
    for _ in range(2):
        await house.ask(good, Credentials("Bearer sk-1"))
    assert house.served == 2
    assert house.memory.writes == 0


async def test_without_a_credential_nothing_can_happen_twice(house: House) -> None:
    with pytest.raises(UpstreamError):
        await house.ask(failing(UpstreamError()), Credentials(None, None, "key"))
    assert house.memory.writes == 0


@pytest.mark.parametrize("act", [good, streamed])
async def test_a_repeat_is_told_the_receipt(
    house: House, act: Callable[[Exchange], Awaitable[None]]
) -> None:
    assert (await house.ask(act)).status == 200
    for _ in range(2):
        with pytest.raises(RequestAlreadyPaid) as told:
            await house.ask(act)
        assert told.value.details == DETAILS
    assert house.served == 1


async def test_the_receipt_is_kept_before_the_last_bytes_pass(house: House) -> None:
    await house.ask(good)
    await house.ask(streamed, Credentials("Bearer sk-1", None, "other"))
    assert house.kept_before == [0, 1, 1, 1, 2]


async def test_a_client_that_left_has_paid_too(house: House) -> None:
    await house.ask(left)
    with pytest.raises(RequestAlreadyPaid) as told:
        await house.ask(good)
    assert told.value.details == {**DETAILS, "status": 499}


@pytest.mark.parametrize("error", [UpstreamError(), IdempotencyMismatch()])
async def test_a_failure_that_cost_nothing_frees_the_key(house: House, error: RoutstrError) -> None:
    with pytest.raises(type(error)):
        await house.ask(failing(error))
    assert await house.memory.rows() == []
    assert (await house.ask(good, body=b"another")).status == 200


async def test_what_is_free_can_be_asked_again_and_again(house: House) -> None:
    for _ in range(2):
        assert (await house.ask(free)).status == 200
    assert await house.memory.rows() == []


async def test_a_failure_after_the_charge_is_paid(house: House) -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.start(200, JSON)
        await exchange.write(b"part")
        exchange.receipt = RECEIPT
        raise UpstreamError

    with pytest.raises(UpstreamError):
        await house.ask(broken)
    with pytest.raises(RequestAlreadyPaid):
        await house.ask(good)


@pytest.mark.parametrize("end", [OutcomeUnknown(), asyncio.CancelledError(), ZeroDivisionError()])
@pytest.mark.parametrize("charged", [True, False])
async def test_after_an_unclear_end_the_books_are_asked(
    house: House, end: BaseException, charged: bool
) -> None:
    async def unclear(exchange: Exchange) -> None:
        state = HoldState.SETTLED if charged else HoldState.EXPIRED
        await house.memory.hold(exchange.request_id, state, charged=73 * charged)
        raise end

    with pytest.raises(type(end)):
        await house.ask(unclear)
    if charged:
        with pytest.raises(RequestAlreadyPaid) as told:
            await house.ask(good)
        assert told.value.details == {**DETAILS, "status": None}
    else:
        assert (await house.ask(good)).status == 200
    assert house.served == 2 - charged


async def test_while_it_runs_it_is_not_served_again(house: House) -> None:
    async def nested(_exchange: Exchange) -> None:
        with pytest.raises(IdempotencyInProgress):
            await house.ask(good)
        raise UpstreamError

    with pytest.raises(UpstreamError):
        await house.ask(nested)
    assert house.served == 1


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials("Bearer sk-2", None, "key"),
        Credentials(None, "cashuBtoken", "key"),
        Credentials("Bearer sk-1", "cashuBtoken", "key"),
        Credentials("Bearer sk-1", None, "another"),
    ],
)
async def test_the_key_of_another_payer_is_another_key(
    house: House, credentials: Credentials
) -> None:
    await house.ask(good)
    await house.ask(good, credentials)
    assert house.served == 2


async def test_another_body_is_refused(house: House) -> None:
    await house.ask(good)
    with pytest.raises(IdempotencyMismatch):
        await house.ask(good, body=b"[]")


async def test_a_bad_key_is_refused_before_anything_is_done(house: House) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        await house.ask(good, Credentials("Bearer sk-1", None, ""))
    assert house.served == 0


async def test_while_the_database_is_away_the_served_answer_arrives(house: House) -> None:
    async def meanwhile(exchange: Exchange) -> None:
        house.memory.away = True
        await good(exchange)

    assert (await house.ask(meanwhile)).complete
    with pytest.raises(DatabaseUnavailable):
        await house.ask(good)
    house.memory.away = False
    with pytest.raises(RequestAlreadyPaid):
        await house.ask(good)


class TestStoredAnswers:
    async def test_a_repeat_gets_the_answer_under_its_own_request_id(self, house: House) -> None:
        first = await house.ask(good, store=True)
        again = await house.ask(good, store=True)
        assert house.served == 1
        assert again.body == first.body
        assert (again.status, again.header("x-cashu")) == (200, "change")
        assert again.header("idempotent-replayed") == "true"
        assert again.header("x-routstr-request-id") == "2"
        assert first.header("idempotent-replayed") is None

    async def test_they_are_told_when_it_was_switched_off_since(self, house: House) -> None:
        await house.ask(good, store=True)
        assert (await house.ask(good)).status == 200

    async def test_streams_are_not_stored(self, house: House) -> None:
        await house.ask(streamed, store=True)
        with pytest.raises(RequestAlreadyPaid):
            await house.ask(streamed, store=True)

    @pytest.mark.parametrize(
        ("kind", "size"), [(b"text/plain", 1), (b"application/json", ANSWER_BYTES_MAX + 1)]
    )
    async def test_nor_are_texts_and_large_answers(
        self, house: House, kind: bytes, size: int
    ) -> None:
        async def other(exchange: Exchange) -> None:
            exchange.receipt = RECEIPT
            await exchange.answer(200, [(b"content-type", kind)], b"x" * size)

        await house.ask(other, store=True)
        with pytest.raises(RequestAlreadyPaid):
            await house.ask(other, store=True)
