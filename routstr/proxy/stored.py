"""Responses that a provider has stored: found again by the key that made them, and by no other.

Whoever makes a response that is stored is noted before the last of it is sent. Reading, cancelling
and deleting it cost nothing and hold nothing.
"""

import re
from collections.abc import Awaitable
from typing import Final

from starlette.types import Message, Send

from routstr.auth.objects import Objects
from routstr.catalog.snapshot import Rates
from routstr.errors import AuthError, InvalidParameter, NotFound, UpstreamTimeout, WalletError
from routstr.proxy.courier import Courier
from routstr.proxy.custom import entry_of
from routstr.proxy.exchange import Exchange
from routstr.proxy.fields import read_fields, text
from routstr.proxy.hot import Serve
from routstr.proxy.sse import data_of
from routstr.proxy.wire import Credentials
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.passage import Call
from routstr.upstream.routing import Router

KIND: Final = "responses"
ENDPOINT: Final = "/v1/responses"
_NOT_STORED: Final = re.compile(rb'"store"\s*:\s*false')
_ACTIONS: Final = {
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "cancel"),
    ("GET", "input_items"),
}


class Noting:
    """Puts itself around the endpoint that makes responses."""

    def __init__(self, objects: Objects) -> None:
        self._objects: Final = objects

    def around(self, serve: Serve) -> Serve:
        """Note whose the responses are."""

        def noting(exchange: Exchange, credentials: Credentials, body: bytes) -> Awaitable[None]:
            if credentials.x_cashu is None and not _NOT_STORED.search(body):
                exchange.tap(_Listener(self._objects, exchange, credentials).listen)
            return serve(exchange, credentials, body)

        return noting


class _Listener:
    def __init__(self, objects: Objects, exchange: Exchange, credentials: Credentials) -> None:
        self._objects = objects
        self._exchange = exchange
        self._credentials = credentials
        self._heard = False

    def listen(self, send: Send) -> Send:
        """Stand between the response and the client until its id has passed."""

        async def listening(message: Message) -> None:
            if not self._heard and message["type"] == "http.response.body":
                self._heard = True
                await self._note(message.get("body", b""))
            await send(message)

        return listening

    async def _note(self, body: bytes) -> None:
        name, provider = _id_of(body), self._exchange.provider
        if name is None or provider is None:
            return
        try:
            owner = await self._objects.owner(self._credentials.authorization, just_paid=True)
        except (AuthError, WalletError):
            return  # the key was taken away meanwhile
        await self._objects.bind(owner, provider, KIND, {name: ""})


def _id_of(body: bytes) -> str | None:
    """The id in an answer, or in the first event of a stream."""
    fields = read_fields(body)
    if fields is None:
        event = read_fields(data_of(body.partition(b"\n\n")[0])) or {}
        fields = read_fields(bytes(event["response"])) if "response" in event else None
    return None if fields is None else text(fields, "id")


class StoredResponses:
    """Serves what is asked of one stored response."""

    def __init__(self, objects: Objects, router: Router, deadlines: Deadlines) -> None:
        self._objects: Final = objects
        self._router: Final = router
        self._deadlines: Final = deadlines

    def find(self, method: str, segments: tuple[str, ...]) -> Serve | None:
        """Who serves ``responses/{id}`` and what is below it."""
        if not 2 <= len(segments) <= 3 or segments[0] != KIND:  # noqa: PLR2004 - id, and action
            return None
        action = segments[2] if len(segments) > 2 else ""  # noqa: PLR2004 - as above
        if (method, action) not in _ACTIONS:
            return None
        name = segments[1]

        def serve(exchange: Exchange, credentials: Credentials, _body: bytes) -> Awaitable[None]:
            return self._serve(exchange, credentials, name, action)

        return serve

    async def _serve(
        self, exchange: Exchange, credentials: Credentials, name: str, action: str
    ) -> None:
        scope = exchange.scope
        query = scope["query_string"].decode("ascii", "ignore")
        if "stream" in query:
            raise InvalidParameter("A stored response is not streamed.")
        owner = await self._objects.owner(credentials.authorization)
        bound = await self._objects.find(owner, name)
        if bound is None or bound.kind != KIND:
            raise NotFound(f"There is no response {name!r} of this key.")
        entry = entry_of(ENDPOINT, Rates(), bound.provider)
        courier = Courier(exchange, self._deadlines, self._router.named(entry))
        path = "/".join(filter(None, (KIND, name, action)))
        call = Call(path, method=scope["method"], query=query)
        try:
            delivered = await courier.ask(lambda _: call, lambda _: True, resent=False)
        except TimeoutError:
            raise UpstreamTimeout from None
        finally:
            courier.departure.stop()
        if scope["method"] == "DELETE":
            await self._objects.forget(owner, name)
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        body = delivered.success.body
        if body is None:
            delivered.success.answer.close()
        await exchange.answer(200, headers, body or b"{}")
