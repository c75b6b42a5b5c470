"""Payment methods of packages: credentials of other kinds, each taken for a key of this node.

A method is a scheme of ``Authorization`` (RFC 9110, 11.4): ``Authorization: Voucher 7QX2`` goes on
as ``Authorization: Bearer sk-...``, on every route, before anything else looks at the request. So
balances, limits, ownership, repeats and the books are the key's, and no method writes any of them.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol, runtime_checkable

from starlette.types import ASGIApp, Receive, Scope, Send

from routstr.core.logging import get_logger
from routstr.core.rendering import Header

CREDENTIAL_BYTES_MAX: Final = 16_384
_AUTHORIZATION: Final = b"authorization"
_CALLS: Final = frozenset({"http", "websocket"})
_log: Final = get_logger(__name__)


@runtime_checkable
class PaymentMethod(Protocol):
    """A scheme of a package; the entry point's name is that of the scheme."""

    async def key_for(self, credential: str) -> str | None:
        """The API key, or the Cashu token to use as one, that pays for whoever brings this.

        None for a credential that means nothing: it is refused as an unknown key is. A
        ``RoutstrError`` is what the client gets. Called for every request with this scheme.
        """
        ...


class _Brought(NamedTuple):
    place: int
    method: PaymentMethod
    credential: str


class Door:
    """An ASGI application in front of all routes; there only when a package brings a method.

    ``refusing`` gives the application that answers with an error that a method raised.
    """

    def __init__(
        self,
        app: ASGIApp,
        methods: Mapping[str, PaymentMethod],
        refusing: Callable[[Exception], ASGIApp],
    ) -> None:
        self._app: Final = app
        self._methods: Final = {scheme.lower().encode(): one for scheme, one in methods.items()}
        self._refusing: Final = refusing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event."""
        found = self._find(scope["headers"]) if scope["type"] in _CALLS else None
        if found is None:
            await self._app(scope, receive, send)
            return
        try:
            key = await found.method.key_for(found.credential)
        except Exception as error:  # noqa: BLE001 - the last handler gets it, inside of this
            if scope["type"] == "http":
                await self._refusing(error)(scope, receive, send)
                return
            _log.warning("payment_method_failed", exc_info=True)
            key = None  # an upgrade has no such answer: it is refused as an unknown key is
        if key is not None:
            headers: list[Header] = list(scope["headers"])
            headers[found.place] = (_AUTHORIZATION, b"Bearer " + key.encode("latin-1", "replace"))
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)

    def _find(self, headers: list[Header]) -> _Brought | None:
        """The one credential of a scheme that some method knows."""
        places = [place for place, (name, _) in enumerate(headers) if name == _AUTHORIZATION]
        if len(places) != 1:  # two are refused by whoever reads them
            return None
        scheme, _, credential = headers[places[0]][1].strip().partition(b" ")
        method = self._methods.get(scheme.lower())
        if method is None or len(credential) > CREDENTIAL_BYTES_MAX:
            return None
        return _Brought(places[0], method, credential.decode("latin-1").strip())
