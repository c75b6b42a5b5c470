"""A look at a provider before it is stored: its list of models, and whether it takes the key.

A list may be public, so the key is shown with a request for a single token as well; what it costs
is far below a cent. Stored providers are reached over checked connections, and so is this one.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec
from msgspec import Struct

from routstr.core.redaction import redact
from routstr.core.secret import Secret
from routstr.errors import ProviderInvalid
from routstr.upstream.adapters.base import Adapter
from routstr.upstream.description import checked_adapter, checked_keys, checked_url
from routstr.upstream.provider import Provider

TIMEOUT_SECONDS: Final = 20.0
LIST_BYTES_MAX: Final = 16 * 1024**2
SHOWN: Final = 6
_CHAT: Final = "chat/completions"
_KEY_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class _Named(Struct):
    id: str


class _Listed(Struct):
    data: list[_Named]


class ProviderReport(Struct, frozen=True):
    """What was seen. ``models`` None: it has no list; ``shown`` are the first of its models.

    ``answered``: a request for one token was answered with 200.
    """

    base_url: str
    models: int | None
    shown: tuple[str, ...]
    answered: bool


class ProviderUnfit(Exception):
    """It cannot be used. ``reason`` is one of input, away, key, payment, status."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason: Final = reason
        self.detail: Final = detail


class ProviderCheck:
    """Asks providers. ``allow_insecure``: those of this machine may be asked, too."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        adapters: Mapping[str, Adapter],
        *,
        allow_insecure: bool,
    ) -> None:
        self._session: Final = session
        self._adapters: Final = adapters
        self._allow_insecure: Final = allow_insecure

    async def look(self, kind: str, base_url: str, key: Secret) -> ProviderReport:
        """Ask a provider. Raises :class:`ProviderUnfit`."""
        try:
            adapter = checked_adapter(kind, self._adapters)
            url = checked_url(base_url, adapter, allow_insecure=self._allow_insecure)
            (key,) = checked_keys([key]) or (Secret(),)
        except ProviderInvalid as error:
            raise ProviderUnfit("input", error.message) from None
        provider = Provider.create("check", url, key, adapter)
        names = await self._models(provider)
        answered = await self._answers(provider, names[0]) if names else False
        shown = tuple(names[:SHOWN]) if names else ()
        return ProviderReport(url, None if names is None else len(names), shown, answered)

    async def _models(self, provider: Provider) -> list[str] | None:
        status, body = await self._ask("GET", provider, "models")
        if status in _KEY_REFUSED:
            raise ProviderUnfit("key")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ProviderUnfit("status", str(status))
        if status != HTTPStatus.OK:
            return None
        try:
            listed = msgspec.json.decode(body, type=_Listed)
        except (msgspec.DecodeError, RecursionError):
            return None
        return [model.id for model in listed.data]

    async def _answers(self, provider: Provider, model: str) -> bool:
        messages = [{"role": "user", "content": "Hi"}]
        question = {"model": model, "messages": messages, "max_tokens": 1}
        status, _ = await self._ask("POST", provider, _CHAT, msgspec.json.encode(question), model)
        if status in _KEY_REFUSED:
            raise ProviderUnfit("key")
        if status == HTTPStatus.PAYMENT_REQUIRED:
            raise ProviderUnfit("payment")
        return status == HTTPStatus.OK  # the first model may not be one for chats

    async def _ask(
        self, method: str, provider: Provider, path: str, body: bytes | None = None, model: str = ""
    ) -> tuple[int, bytes]:
        try:
            async with self._session.request(
                method,
                provider.url(path, model),
                headers=provider.headers_for(path),
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            ) as answer:
                read = bytearray()
                async for part in answer.content.iter_any():
                    read += part
                    if len(read) > LIST_BYTES_MAX:
                        raise ProviderUnfit("status", "too large")
                return answer.status, bytes(read)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ProviderUnfit("away", redact(str(error))[:200]) from None
