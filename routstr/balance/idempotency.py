"""Routes whose calls may be repeated: ``Idempotency-Key``.

A router of calls that move money is made of such routes, and a handler whose work would be done
twice if it ran twice asks for the operation's name::

    router = APIRouter(route_class=RepeatableRoute)

    @router.post("/child-key")
    async def child_keys(..., operation: Operation) -> ...:

``operation`` is None without the header, else 32 bytes: random, the same each time this very call
is carried out again (after a crash, a lost database, an answer that was not final), never the same
for another call, not even when the client uses its key again after the record has expired. Such
work makes its own idempotency key of it, the ledger transfer's or that of a derived secret. Work
that is idempotent by its proofs or by the token that it gives out needs nothing.

What is kept of a call is decided by its answer:

=====================================  =====================================================
200, 201, 204; a token that is dead    kept: every repeat gets the same answer
408, 409, 425, other 2xx, 5xx          unfinished: the repeat does the work, same operation
any other 4xx, at the first attempt    nothing was done: the key is free
=====================================  =====================================================

GET routes are passed by: what they do is repeatable by nature. Of a call with a key that
nobody has nothing is kept: nobody may hear it, and the route refuses the key where it needs one.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, cast
from urllib.parse import parse_qsl

import msgspec
from fastapi import Depends, Request
from msgspec import Struct
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from routstr.auth.credentials import Knows, credential_of, is_stranger, may_hear
from routstr.core.late_route import LateRoute
from routstr.core.node_key import NodeKey
from routstr.errors import (
    FeesExceedAmount,
    InvalidIdempotencyKey,
    RequestError,
    TokenAlreadySpent,
    ZeroValueToken,
)
from routstr.payment.idempotency.answers import Answer, Kept
from routstr.payment.idempotency.repeats import Repeats, checked_key
from routstr.payment.idempotency.repository import Begun

HEADER: Final = b"idempotency-key"
REPLAYED: Final = (b"idempotent-replayed", b"true")
BARE_KEY_CHARS_MIN: Final = 32
"""Of a key that is itself what protects the answer; a UUID has 36."""
_ROTATION: Final = "/rotate"
"""Whoever has the old key must not learn the new one by guessing."""
_ALIASES: Final = ("/v1/balance", "/v1/wallet", "/v1", "/v2")
_TOKENS: Final = ("initial_balance_token", "cashu_token", "token", "api_key")
_DONE: Final = frozenset({200, 201, 204})
_UNFINISHED: Final = frozenset({408, 409, 425})
_FINAL: Final = frozenset({TokenAlreadySpent.code, ZeroValueToken.code, FeesExceedAmount.code})
"""Errors of a token that will be the same for ever."""
_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "names this call: repeated with the same key it is done once",
}
_CLIENT_ERRORS: Final = frozenset(range(400, 500))


class Repetition(Struct, frozen=True):
    """What the routes need, in the application's state as ``repetition``."""

    repeats: Repeats
    node: NodeKey
    knows: Knows


def _operation(request: Request) -> bytes | None:
    return cast("bytes | None", getattr(request.state, "idempotency", None))


Operation = Annotated[bytes | None, Depends(_operation)]


class RepeatableRoute(LateRoute):
    """A route that carries a call with an ``Idempotency-Key`` out once."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:  # noqa: ANN401
        """As every route, and told in the API's description."""
        if "GET" not in (more.get("methods") or {"GET"}) and not more.get("openapi_extra"):
            more["openapi_extra"] = {"parameters": [_PARAMETER]}
        super().__init__(path, endpoint, **more)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        keys = [value for name, value in scope["headers"] if name == HEADER]
        if not keys or scope["method"] not in (self.methods or set()) - {"GET"}:
            await super().handle(scope, receive, send)
            return
        if len(keys) > 1:
            raise RequestError("The header 'idempotency-key' was sent twice.")
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return  # nobody waits for an answer
        repetition: Repetition = scope["app"].state.repetition
        found = await _begin(repetition, checked_key(keys[0].decode("latin-1")), scope, body)
        work = self._work(scope, receive, body)
        if isinstance(found, Begun):
            await _carry_out(repetition.repeats, found, scope, send, work)
        elif found is not None and await _may_hear(repetition, scope):
            await _replay(found, send)
        else:
            await work(send)  # the route itself says that the key is unknown

    def _work(
        self, scope: Scope, receive: Receive, body: bytes
    ) -> Callable[[Send], Coroutine[Any, Any, None]]:
        read = False

        async def again() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def work(send: Send) -> None:
            await super(RepeatableRoute, self).handle(scope, again, send)

        return work


async def _may_hear(repetition: Repetition, scope: Scope) -> bool:
    """Whether the caller's key still is one; a rotation is told to who has the old key."""
    headers = _headers(scope)
    return _path(scope) == _ROTATION or await may_hear(
        repetition.knows,
        authorization=headers.get(b"authorization"),
        x_cashu=headers.get(b"x-cashu"),
    )


def _headers(scope: Scope) -> dict[bytes, str]:
    return {name: value.decode("latin-1") for name, value in scope["headers"]}


async def _begin(
    repetition: Repetition, key: str, scope: Scope, body: bytes
) -> Begun | Kept | None:
    """Begin the call, or return what was kept of it; None: of this caller nothing is."""
    repeats = repetition.repeats
    headers = _headers(scope)
    query: bytes = scope["query_string"]
    credential = credential_of(
        repetition.node,
        authorization=headers.get(b"authorization"),
        x_cashu=headers.get(b"x-cashu"),
        given=_given(query, body),
    )
    path = _path(scope)
    if len(key) < BARE_KEY_CHARS_MIN and (not credential or path == _ROTATION):
        raise InvalidIdempotencyKey(
            "The Idempotency-Key of this call protects its answer: it needs at least "
            f"{BARE_KEY_CHARS_MIN} characters that nobody can guess. A random UUID will do."
        )
    name = repeats.scope(key, credential)
    if await is_stranger(
        repetition.knows,
        authorization=headers.get(b"authorization"),
        x_cashu=headers.get(b"x-cashu"),
    ) and not (path == _ROTATION and await repeats.has(name)):
        return None
    asked = (scope["method"].encode(), path.encode(), query, body)
    return await repeats.begin(name, repeats.request(*asked))


async def _carry_out(
    repeats: Repeats,
    begun: Begun,
    scope: Scope,
    send: Send,
    work: Callable[[Send], Coroutine[Any, Any, None]],
) -> None:
    """Do the work, and keep its answer before anybody sees it."""
    scope.setdefault("state", {})["idempotency"] = begun.operation
    messages: list[Message] = []

    async def take(message: Message) -> None:
        messages.append(message)

    try:
        await work(take)
    except BaseException:
        repeats.abandon(begun.attempt)
        raise
    answer = _answer(messages)
    if answer.status in _DONE or scope.get("routstr.error_code") in _FINAL:
        await repeats.keep(begun, Kept(answer))
    elif answer.status in _CLIENT_ERRORS - _UNFINISHED and not begun.again:
        await repeats.forget(begun)
    else:
        await repeats.reopen(begun)
    for message in messages:
        await send(message)


async def _replay(kept: Kept, send: Send) -> None:
    answer = kept.answer
    assert answer is not None, "calls of these routes are kept with their answers"
    headers = [*answer.headers, REPLAYED]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def _answer(messages: list[Message]) -> Answer:
    start = messages[0]
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return Answer(start["status"], [(name, value) for name, value in start["headers"]], body)


def _path(scope: Scope) -> str:
    """The path under the one name that all its aliases have."""
    path: str = scope["path"].rstrip("/")
    for prefix in _ALIASES:
        if path.startswith(f"{prefix}/"):
            return path.removeprefix(prefix)
    return path


def _given(query: bytes, body: bytes) -> str:
    """The token, or key, that is the call's payment or credential, wherever it stands."""
    try:
        fields: object = msgspec.json.decode(body) if body else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        fields = None
    sources = [fields if isinstance(fields, dict) else {}, dict(parse_qsl(query.decode("latin-1")))]
    values = (source.get(name) for source in sources for name in _TOKENS)
    return next((value for value in values if isinstance(value, str) and value), "")
