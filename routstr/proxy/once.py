"""Paid requests that name themselves: with an ``Idempotency-Key`` they are served and charged once.

A repeat is not served again. It is told the receipt, or the answer where answers are stored::

    begin ──> serve ──charged──> keep the receipt ──> last bytes to the client
      │         └──failed, nothing charged: the key is free
      └─ running: 409, served before: 409 with the receipt, or the stored answer

The receipt is kept between the settlement and the last bytes. A crash in between leaves it to the
books: the hold of that request says whether it was charged.
"""

from collections.abc import Awaitable
from typing import Final

from starlette.types import Message, Send

from routstr.auth.credentials import Knows, credential_of, is_stranger, may_hear
from routstr.core.node_key import NodeKey
from routstr.core.rendering import Header
from routstr.core.request_id import REQUEST_ID_HEADER
from routstr.errors import NodeError, RequestAlreadyPaid, RoutstrError
from routstr.payment.idempotency.answers import Answer, Kept, Paid
from routstr.payment.idempotency.repeats import Repeats, checked_key
from routstr.payment.idempotency.repository import Begun
from routstr.payment.metering import Receipt
from routstr.proxy.exchange import Exchange
from routstr.proxy.forms import Form
from routstr.proxy.hot import Serve, ServeForm
from routstr.proxy.wire import Credentials

ANSWER_BYTES_MAX: Final = 1 << 20
"""Larger answers are not stored."""
_REPLAYED: Final[Header] = (b"idempotent-replayed", b"true")
_OWN: Final = (REQUEST_ID_HEADER.encode(), b"content-length", b"vary")
_CORS: Final = b"access-control-"


class Once:
    """Puts itself around paid endpoints; a request without the header passes at once."""

    __slots__ = ("_knows", "_node", "_repeats", "_store_answers")

    def __init__(
        self, repeats: Repeats, node: NodeKey, knows: Knows, *, store_answers: bool
    ) -> None:
        self._repeats: Final = repeats
        self._node: Final = node
        self._knows: Final = knows
        self._store_answers: Final = store_answers

    def around(self, endpoint: str, serve: Serve) -> Serve:
        """Let the requests of an endpoint be repeated."""

        def once(exchange: Exchange, credentials: Credentials, body: bytes) -> Awaitable[None]:
            if credentials.idempotency_key is None:
                return serve(exchange, credentials, body)
            return self._once(endpoint, serve, exchange, credentials, body)

        return once

    def around_form(self, endpoint: str, serve: ServeForm) -> ServeForm:
        """The same for requests that are forms: one with the same parts is the same."""

        def once(exchange: Exchange, credentials: Credentials, form: Form) -> Awaitable[None]:
            def served(one: Exchange, brought: Credentials, _body: bytes) -> Awaitable[None]:
                return serve(one, brought, form)

            return self.around(endpoint, served)(exchange, credentials, form.digest)

        return once

    async def _once(
        self,
        endpoint: str,
        serve: Serve,
        exchange: Exchange,
        credentials: Credentials,
        body: bytes,
    ) -> None:
        key = checked_key(credentials.idempotency_key or "")
        credential = credential_of(
            self._node,
            authorization=credentials.authorization,
            x_cashu=credentials.x_cashu,
        )
        is_unknown = credential and await is_stranger(
            self._knows, authorization=credentials.authorization, x_cashu=credentials.x_cashu
        )
        if not credential or is_unknown:  # nobody pays, so nothing can happen twice
            await serve(exchange, credentials, body)
            return
        repeats = self._repeats
        query: bytes = exchange.scope["query_string"]
        found = await repeats.begin(
            repeats.scope(key, credential),
            repeats.request(b"POST", endpoint.encode(), query, body),
            paid_request=exchange.request_id,
        )
        if isinstance(found, Kept):
            if not await may_hear(
                self._knows, authorization=credentials.authorization, x_cashu=credentials.x_cashu
            ):
                await serve(exchange, credentials, body)  # which refuses an unknown key
                return
            await _tell(exchange, found)
            return
        record = _Record(repeats, found, exchange, store_answer=self._store_answers)
        exchange.tap(record.listen)
        try:
            await serve(exchange, credentials, body)
        except RoutstrError as error:
            await record.failed(error)
            raise
        except BaseException:
            record.abandon()
            raise
        await record.ended()


class _Record:
    """What a served request leaves behind, noted when its first bytes after the charge pass."""

    def __init__(
        self, repeats: Repeats, begun: Begun, exchange: Exchange, *, store_answer: bool
    ) -> None:
        self._repeats = repeats
        self._begun = begun
        self._exchange = exchange
        self._store_answer = store_answer
        self._headers: list[Header] = []
        self._written = False
        self._noted = False

    def listen(self, send: Send) -> Send:
        """Stand between the response and the client."""

        async def listening(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._headers = message["headers"]
            elif not self._noted:
                receipt = self._exchange.receipt
                if receipt is not None:
                    await self._note(receipt, self._answer(message))
                self._written = True
            await send(message)

        return listening

    async def ended(self) -> None:
        """The request was served: to a client that left, if nothing was noted yet; or for free."""
        receipt = self._exchange.receipt
        if receipt is None:
            await self._repeats.forget(self._begun)
        elif not self._noted:
            await self._note(receipt, None)

    async def failed(self, error: RoutstrError) -> None:
        """The request was refused, or broke off: free the key when nothing was charged."""
        if self._exchange.receipt is not None:
            await self.ended()
        elif isinstance(error, NodeError):
            self.abandon()  # it may have been charged: a repeat asks the books
        else:
            await self._repeats.forget(self._begun)

    def abandon(self) -> None:
        """Nobody knows how it ended; a repeat asks the books."""
        if not self._noted:
            self._repeats.abandon(self._begun.attempt)

    async def _note(self, receipt: Receipt, answer: Answer | None) -> None:
        self._noted = True
        exchange = self._exchange
        paid = Paid(
            exchange.request_id,
            exchange.model or "",
            receipt.usage.input,
            receipt.usage.completion,
            int(receipt.charged),
            exchange.status,
        )
        await self._repeats.keep(self._begun, Kept(answer, paid))

    def _answer(self, message: Message) -> Answer | None:
        """The answer when it is to be stored: JSON in one piece, and not too large."""
        body: bytes = message["body"]
        whole = not self._written and not message.get("more_body", False)
        if not self._store_answer or not whole or len(body) > ANSWER_BYTES_MAX:
            return None
        headers = [
            (name, value)
            for name, value in self._headers
            if name not in _OWN and not name.startswith(_CORS)
        ]
        if not dict(headers).get(b"content-type", b"").startswith(b"application/json"):
            return None
        return Answer(self._exchange.status, headers, body)


async def _tell(exchange: Exchange, kept: Kept) -> None:
    answer, paid = kept.answer, kept.paid
    if answer is not None:
        await exchange.answer(answer.status, [*answer.headers, _REPLAYED], answer.body)
        return
    assert paid is not None, "what is kept of a paid request has its receipt"
    raise RequestAlreadyPaid(
        details={
            "request_id": paid.request_id,
            "model": paid.model,
            "input_tokens": paid.input_tokens,
            "output_tokens": paid.output_tokens,
            "cost_msats": paid.cost_msats,
            "status": paid.status,
        }
    )
