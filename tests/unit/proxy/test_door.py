from dataclasses import dataclass

import pytest
from starlette.types import Message, Receive, Scope, Send

from routstr.errors import PaymentError
from routstr.proxy.door import CREDENTIAL_BYTES_MAX, Door, PaymentMethod
from tests.unit.core.asgi import ask


@dataclass
class Vouchers:
    """Knows one word."""

    asked: int = 0

    async def key_for(self, credential: str) -> str | None:
        self.asked += 1
        if credential == "used-up":
            raise PaymentError
        return "sk-1" if credential == "spring" else None


class Inside:
    """The node behind the door: keeps the headers, answers with the name that it was given."""

    def __init__(self) -> None:
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self.kinds: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.kinds.append(scope["type"])
        self.headers.append(scope.get("headers", []))
        await reply(send, 200)


async def reply(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def refusing(error: Exception) -> Inside:
    class Refusal(Inside):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await reply(send, 402 if isinstance(error, PaymentError) else 500)

    return Refusal()


def door(inside: Inside, method: PaymentMethod) -> Door:
    return Door(inside, {"Voucher": method}, refusing)


async def through(method: PaymentMethod, *values: str) -> tuple[int, list[tuple[bytes, bytes]]]:
    inside = Inside()
    headers = [("Host", "node"), *(("Authorization", value) for value in values)]
    answered = await ask(door(inside, method), "GET", "/v1/balance/info", headers=headers)
    seen = [one for each in inside.headers for one in each if one[0] == b"authorization"]
    return answered.status, seen


@pytest.mark.parametrize("written", ["Voucher spring", "voucher  spring ", "VOUCHER spring"])
async def test_a_credential_of_a_scheme_goes_on_as_its_key(written: str) -> None:
    status, seen = await through(Vouchers(), written)
    assert (status, seen) == (200, [(b"authorization", b"Bearer sk-1")])


@pytest.mark.parametrize("written", ["Bearer sk-2", "Basic eA==", "Voucher", "Voucherspring", ""])
async def test_what_no_method_takes_goes_on_as_it_came(written: str) -> None:
    status, seen = await through(Vouchers(), written)
    assert (status, seen) == (200, [(b"authorization", written.encode())])


async def test_an_unknown_credential_is_left_to_be_refused_as_an_unknown_key_is() -> None:
    method = Vouchers()
    assert await through(method, "Voucher winter") == (
        200,
        [(b"authorization", b"Voucher winter")],
    )
    assert method.asked == 1


async def test_two_credentials_or_a_huge_one_are_none_of_its_business() -> None:
    method = Vouchers()
    await through(method, "Voucher spring", "Bearer sk-2")
    await through(method, "Voucher " + "x" * (CREDENTIAL_BYTES_MAX + 1))
    assert method.asked == 0
    assert (await through(method))[1] == []


async def test_an_error_of_a_method_is_answered_and_goes_no_further() -> None:
    class Broken(Vouchers):
        async def key_for(self, credential: str) -> str | None:
            raise KeyError(credential)

    assert await through(Vouchers(), "Voucher used-up") == (402, [])
    assert await through(Broken(), "Voucher spring") == (500, [])


@pytest.mark.parametrize(
    ("word", "seen"), [("spring", b"Bearer sk-1"), ("used-up", b"Voucher used-up")]
)
async def test_an_upgrade_goes_on_with_the_key_or_as_it_came(word: str, seen: bytes) -> None:
    inside = Inside()
    headers = [(b"authorization", b"Voucher " + word.encode())]

    async def pass_on(_message: Message | None = None) -> Message:
        return {}

    scope = {"type": "websocket", "headers": headers}
    await door(inside, Vouchers())(scope, pass_on, pass_on)  # type: ignore[arg-type]
    assert inside.headers == [[(b"authorization", seen)]]


async def test_other_events_pass() -> None:
    inside = Inside()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await door(inside, Vouchers())({"type": "lifespan"}, send, send)  # type: ignore[arg-type]
    assert inside.kinds == ["lifespan"]
