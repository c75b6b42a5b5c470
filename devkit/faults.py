"""What can go wrong between a node and its mint: each function returns a fault.

A fault is given ``forward``, which hands the call to the real mint and returns its answer, and
decides what the node hears of it. ``handled`` says whether the mint has carried the call out before
things go wrong: the case in which a node that guesses loses money.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; ``retry_after`` is the header of that name, empty for none."""

    status: int
    body: bytes
    content_type: str = "application/json"
    retry_after: str = ""


class Lost(Exception):
    """The node gets no answer: its connection is cut."""


Forward = Callable[[], Awaitable[Answer]]
Fault = Callable[[Forward], Awaitable[Answer]]

UNKNOWN_CODE: Final = 19_999
"""An error code that no NUT defines."""


def honest() -> Fault:
    """No fault: the mint's own answer."""

    async def play(forward: Forward) -> Answer:
        return await forward()

    return play


def lost(*, handled: bool) -> Fault:
    """Cut the connection before or after the mint has handled the call."""

    async def play(forward: Forward) -> Answer:
        if handled:
            await forward()
        raise Lost

    return play


def killing(kill: Callable[[], None], *, handled: bool) -> Fault:
    """End the node itself before or after the mint has handled the call; no answer either way."""

    async def play(forward: Forward) -> Answer:
        if handled:
            await forward()
        kill()
        raise Lost

    return play


def late(delay_s: float, then: Fault | None = None) -> Fault:
    """Think for a while, then go on."""

    async def play(forward: Forward) -> Answer:
        await asyncio.sleep(delay_s)
        return await (then or honest())(forward)

    return play


def instead(answer: Answer, *, handled: bool) -> Fault:
    """This very answer in place of the mint's."""

    async def play(forward: Forward) -> Answer:
        if handled:
            await forward()
        return answer

    return play


def refusal(code: int, *, handled: bool, status: int = 400) -> Fault:
    """An error of the protocol with this code (NUT-00)."""
    body = json.dumps({"detail": "The mint does not like this.", "code": code}).encode()
    return instead(Answer(status, body), handled=handled)


def busy(*, handled: bool, retry_after_s: int = 1) -> Fault:
    """Too many requests."""
    body = b'{"detail": "Rate limit exceeded."}'
    return instead(Answer(429, body, retry_after=str(retry_after_s)), handled=handled)


def broken(*, handled: bool, status: int = 500) -> Fault:
    """What a server in trouble, or a proxy before it, says."""
    page = b"<html><body>Internal Server Error</body></html>"
    return instead(Answer(status, page, "text/html"), handled=handled)


def garbage(*, handled: bool) -> Fault:
    """Status 200 with half of a JSON text."""
    return instead(Answer(200, b'{"signatures": [{"amount": 8, "id'), handled=handled)


def wrong_amounts() -> Fault:
    """The mint signs, and the answer tells the double of each amount."""

    def change(signature: Body) -> Body:
        return {**signature, "amount": signature["amount"] * 2}

    return _signatures(change)


def bad_dleq() -> Fault:
    """The mint signs, and the proofs that it used its own keys do not fit (NUT-12)."""

    def change(signature: Body) -> Body:
        dleq = signature["dleq"]
        return {**signature, "dleq": {**dleq, "s": dleq["e"]}}

    return _signatures(change)


def wrong_points() -> Fault:
    """The mint signs, and the answer has another point in place of each signature."""

    def change(signature: Body) -> Body:
        return {**signature, "C_": _GENERATOR}

    return _signatures(change)


def too_few() -> Fault:
    """The mint signs, and the answer lacks the last signature."""
    return _altered(lambda body: {**body, "signatures": body["signatures"][:-1]})


def quoted(**fields: object) -> Fault:
    """The mint's quote with other fields: ``quoted(state="UNPAID")`` keeps an invoice unpaid."""
    return _altered(lambda body: {**body, **fields})


_GENERATOR: Final = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"


def _signatures(change: Callable[[Body], Body]) -> Fault:
    return _altered(lambda body: {**body, "signatures": [change(s) for s in body["signatures"]]})


def _altered(change: Callable[[Body], Body]) -> Fault:
    """Forward, and change the answer if it is a success."""

    async def play(forward: Forward) -> Answer:
        answer = await forward()
        if answer.status != 200:
            return answer
        return replace(answer, body=json.dumps(change(json.loads(answer.body))).encode())

    return play
