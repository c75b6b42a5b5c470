"""A small real request to a provider, to see whether it works. It is charged to nobody.

The operator pays the provider for it, so an answer is short: a limit of output tokens is set where
none is asked for, and lowered to a bound. Nothing here touches the ledger, nor the record that
decides whether a provider is left alone.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Literal

import aiohttp
import msgspec
from msgspec import Struct
from multidict import CIMultiDict

from routstr.catalog.snapshot import ModelEntry
from routstr.core.redaction import redact
from routstr.core.secret import Secret
from routstr.errors import UpstreamError, UpstreamRejected, UpstreamTimeout
from routstr.money import Msat
from routstr.payment.cost import calculate_request_cost, own_cost
from routstr.payment.usage_reading import usage_of
from routstr.upstream.client import UpstreamClient
from routstr.upstream.correction import CORRECTIONS_MAX, corrected, correction
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.endpoint import Endpoint, read_whole
from routstr.upstream.provider import Profile, Provider

SECONDS_MAX: Final = 30.0
ANSWER_BYTES_MAX: Final = 4 * 1024**2
LIST_BYTES_MAX: Final = 16 * 1024**2
TOKENS_USUAL: Final = 16
TOKENS_MAX: Final = 1_024
_OK: Final = 200
_TEXT_MAX: Final = 500

Kind = Literal["chat-completions", "completions", "embeddings", "responses"]
_PATHS: Final[Mapping[Kind, str]] = {
    "chat-completions": "chat/completions",
    "completions": "completions",
    "embeddings": "embeddings",
    "responses": "responses",
}
_LIMITS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "chat-completions": ("max_tokens", "max_completion_tokens"),
    "completions": ("max_tokens",),
    "embeddings": (),
    "responses": ("max_output_tokens",),
}
_QUESTIONS: Final[Mapping[Kind, Mapping[str, Any]]] = {
    "chat-completions": {"messages": [{"role": "user", "content": "Say hello."}]},
    "completions": {"prompt": "Hello"},
    "embeddings": {"input": "hello"},
    "responses": {"input": "Say hello."},
}


class Tried(Struct, frozen=True):
    """What came of it. ``status`` is the provider's, 0 without an answer; ``seconds`` its time.

    ``cost`` is what the provider takes by its prices, ``price`` what a client would have paid, in
    msat; None where either is not known. ``data`` is the answer's JSON.
    """

    worked: bool
    status: int
    seconds: float
    problem: str = ""
    data: Any = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Msat | None = None
    price: Msat | None = None

    @property
    def text(self) -> str:
        """What the model said, shortened; empty when it said nothing in words."""
        return _text(self.data)[:_TEXT_MAX]


class Trial:
    """Asks providers. ``sessions`` gives the connections that a provider may be reached by."""

    def __init__(self, sessions: Callable[[Profile], aiohttp.ClientSession]) -> None:
        self._sessions: Final = sessions

    async def ask(
        self,
        profile: Profile,
        model: str,
        kind: Kind = "chat-completions",
        question: Mapping[str, Any] | None = None,
        *,
        entry: ModelEntry | None = None,
        key: int = 0,
    ) -> Tried:
        """Ask a model by its name there; ``entry`` has its prices, ``key`` counts from 0."""
        path, limits = _PATHS[kind], replace(profile.limits, answer_bytes=ANSWER_BYTES_MAX)
        client = UpstreamClient(self._sessions(profile), limits)
        provider = _by_key(profile, key)
        named = model if profile.adapter.by_model else ""
        endpoint = Endpoint(client, provider, path, limits, model=named)
        asked = _bounded(kind, question or _QUESTIONS[kind])
        body = msgspec.json.encode({**asked, "model": model, "stream": False})
        refused = dict.fromkeys(sorted(profile.adapter.refuses))
        return await self._timed(_asking(endpoint, corrected(body, refused)[0], model), entry)

    async def models(self, profile: Profile, key: int = 0) -> Tried:
        """Ask for the list of models; ``data`` is how many there are, None without a list."""
        client = UpstreamClient(self._sessions(profile), profile.limits)
        provider = _by_key(profile, key)

        async def ask() -> bytes:
            url, headers = provider.url("models"), CIMultiDict(provider.headers_for("models"))
            answer = await client.send(url, headers, b"", method="GET")
            try:
                if answer.status != _OK:
                    raise UpstreamRejected(
                        f"The provider answered with status {answer.status}.",
                        upstream_status=answer.status,
                    )
                with Deadlines().within(SECONDS_MAX) as deadline:
                    return await read_whole(answer, LIST_BYTES_MAX, SECONDS_MAX, deadline)
            finally:
                answer.close()

        tried = await self._timed(ask(), None)
        listed = tried.data.get("data") if isinstance(tried.data, dict) else None
        return msgspec.structs.replace(
            tried, data=len(listed) if isinstance(listed, list) else None
        )

    async def _timed(self, asking: Any, entry: ModelEntry | None) -> Tried:  # noqa: ANN401
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(SECONDS_MAX):
                body = await asking
        except TimeoutError:
            return Tried(False, 0, loop.time() - began, UpstreamTimeout().message)  # noqa: FBT003
        except UpstreamError as error:
            seconds, status = loop.time() - began, error.upstream_status or 0
            return Tried(False, status, seconds, redact(error.message))  # noqa: FBT003
        return _told(body, loop.time() - began, entry)


async def _asking(endpoint: Endpoint, body: bytes, model: str) -> bytes:
    """Ask; what the model refuses by name is mended as it is for clients."""
    for tries_left in range(CORRECTIONS_MAX, -1, -1):
        try:
            with Deadlines().within(SECONDS_MAX) as deadline:
                answer = await endpoint.ask([], body, deadline, model=model)
        except UpstreamRejected as error:
            found = correction(error, body)
            if found is None or not tries_left:
                raise
            body, _ = corrected(body, {found.parameter: found.instead})
        else:
            if answer.body is None:
                answer.answer.close()
                raise UpstreamError("The provider streams where it was not asked to.")
            return answer.body
    raise AssertionError


def _by_key(profile: Profile, key: int) -> Provider:
    secret = profile.keys[key] if key < len(profile.keys) else Secret()
    return Provider.create(profile.name, profile.base_url, secret, profile.adapter, profile.options)


def _bounded(kind: Kind, question: Mapping[str, Any]) -> dict[str, Any]:
    """A question whose answer is short."""
    asked = dict(question)
    names = _LIMITS[kind]
    given = [name for name in names if name in asked]
    for name in given:
        value = asked[name]
        whole = type(value) is int and value > 0
        asked[name] = min(value, TOKENS_MAX) if whole else TOKENS_USUAL
    if names and not given:
        asked[names[0]] = TOKENS_USUAL
    for name in ("n", "best_of"):
        asked.pop(name, None)
    return asked


def _told(body: bytes, seconds: float, entry: ModelEntry | None) -> Tried:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        problem = "What the provider answered is no JSON."
        return Tried(worked=False, status=_OK, seconds=seconds, problem=problem)
    tried = Tried(worked=True, status=_OK, seconds=seconds, data=data)
    usage = usage_of(data)
    if usage is None:
        return tried
    tried = msgspec.structs.replace(tried, input_tokens=usage.input, output_tokens=usage.completion)
    if entry is None:
        return tried
    return msgspec.structs.replace(
        tried,
        cost=None if entry.own.free and not entry.rates.free else Msat(own_cost(entry.own, usage)),
        price=calculate_request_cost(entry.rates, usage).total,
    )


def _text(data: Any) -> str:  # noqa: ANN401 - a provider's
    """The words of an answer, wherever its kind has them."""
    if not isinstance(data, dict):
        return ""
    for path in (
        ("choices", 0, "message", "content"),
        ("choices", 0, "text"),
        ("output", 0, "content", 0, "text"),
    ):
        found: Any = data
        for step in path:
            try:
                found = found[step]
            except (LookupError, TypeError):
                found = None
                break
        if isinstance(found, str):
            return found
    return ""
