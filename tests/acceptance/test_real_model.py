"""The official Python clients of OpenAI and Anthropic pay for a real language model.

Each asks twice, the model itself and the node in front of it, with the same words: the answers are
the same but for what the node says of the money. What is charged is what the answer tells of its
usage, times the prices of ``GET /v1/models``, to the msat.

llama.cpp answers chat, completions, responses, messages and embeddings by itself. It makes no
pictures, no speech, no transcripts and no moderation of this model, and this model calls no tools:
those are played, in ``test_node_sdks.py`` and ``tests/endpoints/``.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from anthropic import AsyncAnthropic
from anthropic.types import Message
from openai import APIStatusError, AsyncOpenAI
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response
from pydantic import BaseModel, ValidationError

from demo.stage import PRICES
from devkit.mint import Mint
from devkit.model import ALIAS, Model
from devkit.payer import Payer
from tests.endpoints.prices import UNEVEN, PriceList
from tests.integration.money.house import House, open_house

pytestmark = [pytest.mark.mint, pytest.mark.asyncio(loop_scope="module")]

DEPOSIT_SAT: Final = 2_000
PASSWORD: Final = "correct horse battery"
NO_MESSAGES: Final = "speaks-no-messages"
NO_RESPONSES: Final = "speaks-no-responses"
TRANSLATED: Final[Mapping[str, str]] = {NO_MESSAGES: "fireworks", NO_RESPONSES: "anthropic"}
"""The model once more, at a provider of a type that does not speak the endpoint."""
OF_EACH: Final = frozenset(
    {*("id", "item_id", "created", "created_at", "completed_at", "timings"), "system_fingerprint"}
)
"""What differs between any two answers."""
OF_MONEY: Final = frozenset(
    {"cost", "cost_sats", "remaining_balance_msats", "metadata", "provider"}
)
SAID: Final[Any] = [{"role": "user", "content": "Tell me in one sentence what money is."}]
CITY: Final[Any] = {"city": {"type": "string"}}
SCHEMA: Final[Any] = {"type": "object", "properties": CITY, "required": ["city"]}
FUNCTION: Final[Any] = {"name": "weather", "description": "The weather.", "parameters": SCHEMA}
LIMIT: Final = 12
SAME: Final[Any] = {"extra_body": {"temperature": 0, "cache_prompt": False}}
"""The model says the same again, and tells the same usage."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Both, at the model itself or at the node."""

    openai: AsyncOpenAI
    anthropic: AsyncAnthropic


Asks = Callable[[Clients, str], Awaitable[list[BaseModel]]]


async def chat(at: Clients, model: str) -> list[BaseModel]:
    return [
        await at.openai.chat.completions.create(
            model=model, messages=SAID, max_tokens=LIMIT, **SAME
        )
    ]


async def chat_streamed(at: Clients, model: str) -> list[BaseModel]:
    chunks = await at.openai.chat.completions.create(
        model=model,
        messages=SAID,
        max_tokens=LIMIT,
        stream=True,
        stream_options={"include_usage": True},
        **SAME,
    )
    return [chunk async for chunk in chunks]


async def chat_with_tools(at: Clients, model: str) -> list[BaseModel]:
    tools: Any = [{"type": "function", "function": FUNCTION}]
    return [
        await at.openai.chat.completions.create(
            model=model, messages=SAID, max_tokens=LIMIT, tools=tools, **SAME
        )
    ]


async def completion(at: Clients, model: str) -> list[BaseModel]:
    return [
        await at.openai.completions.create(
            model=model, prompt="The capital of France is", max_tokens=LIMIT, **SAME
        )
    ]


async def response(at: Clients, model: str) -> list[BaseModel]:
    words = SAID[0]["content"]
    return [
        await at.openai.responses.create(model=model, input=words, max_output_tokens=LIMIT, **SAME)
    ]


async def response_streamed(at: Clients, model: str) -> list[BaseModel]:
    words = SAID[0]["content"]
    events = await at.openai.responses.create(
        model=model, input=words, max_output_tokens=LIMIT, stream=True, **SAME
    )
    return [event async for event in events]


async def message(at: Clients, model: str) -> list[BaseModel]:
    return [
        await at.anthropic.messages.create(model=model, messages=SAID, max_tokens=LIMIT, **SAME)
    ]


async def message_streamed(at: Clients, model: str) -> list[BaseModel]:
    events = await at.anthropic.messages.create(
        model=model, messages=SAID, max_tokens=LIMIT, stream=True, **SAME
    )
    return [event async for event in events]


async def embeddings(at: Clients, model: str) -> list[BaseModel]:
    words = ["Money is a good.", "So is a friend."]
    return [await at.openai.embeddings.create(model=model, input=words, encoding_format="float")]


ASKED: Final[tuple[tuple[Asks, type[BaseModel] | None], ...]] = (
    (chat, ChatCompletion),
    (chat_streamed, ChatCompletionChunk),
    (chat_with_tools, ChatCompletion),
    (completion, Completion),
    (response, Response),
    (response_streamed, None),
    (message, Message),
    (message_streamed, None),
    (embeddings, CreateEmbeddingResponse),
)
"""With the type of each part of an answer, where there is one."""


@dataclass(slots=True)
class Scene:
    """The model, the node that sells it, a key, and what is left on it."""

    model: Clients
    node: Clients
    house: House
    key: str
    prices: PriceList
    left: int

    async def charged(self) -> int:
        """What is gone since the last time; nothing may be held."""
        await self.house.client.wait_for_hold(self.key, held=False)
        balance, held = await self.house.client.balance(self.key)
        assert held == 0
        gone, self.left = self.left - balance, balance
        return gone


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    tmp_path = tmp_path_factory.mktemp("real-model")
    async with AsyncExitStack() as stack:
        model = await Model.start(tmp_path / "model", api_key="sk-of-the-model", embeddings=True)
        stack.callback(model.kill)
        mint = await Mint.start(tmp_path / "mint")
        stack.push_async_callback(mint.stop)
        more = {
            **UNEVEN,
            "ADMIN_PASSWORD": PASSWORD,
            "UPSTREAM_BASE_URL": model.base_url,
            "UPSTREAM_API_KEY": model.api_key,
            "UPSTREAM_FIRST_BYTE_SECONDS": "60",
            "UPSTREAM_IDLE_SECONDS": "60",
            "MODELS_PATH": str(_sold(tmp_path)),
        }
        url = f"sqlite:///{tmp_path / 'routstr.db'}"
        house = await stack.enter_async_context(open_house(tmp_path, url, [mint.url], more=more))
        payer = await stack.enter_async_context(Payer(mint.url))
        await _add_providers(house, model)
        key = await house.client.new_key(await payer.token(DEPOSIT_SAT))
        listed = await house.client.call("GET", "/v1/models")
        yield Scene(
            await stack.enter_async_context(_clients(model.url, model.api_key)),
            await stack.enter_async_context(_clients(house.node.url, key)),
            house,
            key,
            PriceList(listed.body),
            DEPOSIT_SAT * 1_000,
        )
        outcome = await house.audit()
        assert outcome.holds, [one for one in outcome.checks if not one.holds]


async def test_the_clients_see_no_difference_but_the_cost(scene: Scene) -> None:
    for asks, kind in ASKED:
        direct = await asks(scene.model, ALIAS)
        served = await asks(scene.node, ALIAS)
        name = asks.__name__
        own = [plain for one in served if (plain := _plain(one)) is not None]
        assert own == [_plain(one) for one in direct], name
        for there, here in zip(direct, served, strict=False):
            assert _faults(kind, here) <= _faults(kind, there), name
        await _check_charge(scene, served, ALIAS, name)


async def test_what_the_provider_does_not_speak_is_translated(scene: Scene) -> None:
    strict: tuple[tuple[Asks, str, type[BaseModel] | None], ...] = (
        (message, NO_MESSAGES, Message),
        (message_streamed, NO_MESSAGES, None),
        (response, NO_RESPONSES, Response),
        (response_streamed, NO_RESPONSES, None),
    )
    (whole,) = await chat(scene.model, ALIAS)
    assert isinstance(whole, ChatCompletion)
    for asks, model, kind in strict:
        served = await asks(scene.node, model)
        for one in served:
            assert _faults(kind, one) == set(), asks.__name__
        words = "".join(_words([_told(one) for one in served]))
        assert (whole.choices[0].message.content or "nothing") in words
        await _check_charge(scene, served, model, asks.__name__)


async def test_what_it_has_read_before_is_charged_as_cached(scene: Scene) -> None:
    asked: Any = {"model": ALIAS, "messages": SAID, "max_tokens": 1, "temperature": 0}
    cached = []
    for _ in range(2):
        one = await scene.node.openai.chat.completions.create(**asked)
        await _check_charge(scene, [one], ALIAS, "chat")
        cached += list(_under([_told(one)], "prompt_tokens_details"))
    assert cached[-1]["cached_tokens"] > 0, "the second time"


async def test_what_the_model_cannot_do_costs_nothing(scene: Scene) -> None:
    with pytest.raises(APIStatusError) as moderation:
        await scene.node.openai.moderations.create(model=ALIAS, input="Hello")
    assert moderation.value.status_code == 404
    with pytest.raises(APIStatusError):
        await scene.node.openai.images.generate(model=ALIAS, prompt="A cat")
    assert await scene.charged() == 0


async def _check_charge(scene: Scene, served: Sequence[BaseModel], model: str, name: str) -> None:
    """What is gone is what the answer says, and what its usage costs by the published prices."""
    told = [_told(one) for one in served]
    usage: dict[str, Any] = {}
    for one in _under([one for one in told if not _is_of_money(one)], "usage"):
        usage |= {key: value for key, value in one.items() if value is not None}
    charged = await scene.charged()
    assert charged == scene.prices.charge(model, _units(usage)), (name, usage)
    costs = {cost["total_msats"] for cost in _under(told, "cost") if "total_msats" in cost}
    assert costs == {charged}, name


def _units(usage: Mapping[str, Any]) -> Mapping[str, int]:
    """A usage in the units of the price list, whatever its dialect."""
    read = usage.get("cache_read_input_tokens") or 0
    prompt = usage.get("input_tokens", 0)
    for total, details in (("prompt", "prompt_tokens"), ("input", "input_tokens")):
        parts = usage.get(f"{details}_details")
        if f"{total}_tokens" in usage and (parts is not None or total == "prompt"):
            read = (parts or {}).get("cached_tokens") or 0
            prompt = usage[f"{total}_tokens"] - read
            break
    written = usage.get("completion_tokens", usage.get("output_tokens", 0))
    return {"prompt": prompt, "input_cache_read": read, "completion": written}


def _under(value: object, name: str) -> Iterator[dict[str, Any]]:
    """Every object of that name, however deep, in the order of the text."""
    if isinstance(value, list):
        for one in value:
            yield from _under(one, name)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == name and isinstance(one, dict):
                yield one
            yield from _under(one, name)


def _words(value: object) -> Iterator[str]:
    """Whatever is said, in the order of the text."""
    if isinstance(value, list):
        for one in value:
            yield from _words(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key in {"text", "delta"} and isinstance(one, str):
                yield one
            yield from _words(one)


def _plain(one: BaseModel) -> object:
    """What the model said; nothing of the money, and None when nothing else was there."""
    told = _told(one)
    if "response" in told:
        told.pop("usage", None)  # the node's, with the cost: the model's is in the response
    return None if _is_of_money(told) else _without(told, OF_EACH | OF_MONEY)


def _is_of_money(told: Mapping[str, Any]) -> bool:
    """The event of messages that the node adds."""
    return told.get("type") == "cost" or told.keys() <= {*OF_MONEY, "model", "usage"}


def _told(one: BaseModel) -> dict[str, Any]:
    """All that came. OpenAI's metadata are texts, of which the money is none: no warning of it."""
    return one.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)


def _without(value: object, names: frozenset[str]) -> object:
    if isinstance(value, list):
        return [_without(one, names) for one in value]
    if isinstance(value, dict):
        return {key: _without(one, names) for key, one in value.items() if key not in names}
    return value


def _faults(kind: type[BaseModel] | None, one: BaseModel) -> set[tuple[int | str, ...]]:
    """Where it is not as the client's own types describe it; the node's own event is not theirs."""
    if _is_of_money(_told(one)):
        return set()
    if kind is None:
        kind = type(one)
    try:
        kind.model_validate(_without(_told(one), OF_MONEY))
    except ValidationError as error:
        return {fault["loc"] for fault in error.errors()}
    return set()


@asynccontextmanager
async def _clients(url: str, key: str) -> AsyncIterator[Clients]:
    async with (
        AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as openai,
        AsyncAnthropic(base_url=url, api_key=key, max_retries=0) as anthropic,
    ):
        yield Clients(openai, anthropic)


def _sold(folder: Path) -> Path:
    """The demo's price list, with the model once more for each provider beside the first."""
    (model,) = json.loads(PRICES.read_text())["data"]
    more = [{**model, "id": name, "name": name, "provider": name} for name in TRANSLATED]
    path = folder / "sold.json"
    path.write_text(json.dumps({"data": [model, *more]}))
    return path


async def _add_providers(house: House, model: Model) -> None:
    login = await house.client.call("POST", "/admin/api/login", json={"password": PASSWORD})
    addresses = (model.base_url, model.url)  # llama.cpp answers at both
    for (slug, kind), address in zip(TRANSLATED.items(), addresses, strict=True):
        body = {"provider_type": kind, "slug": slug, "base_url": address}
        made = await house.client.call(
            "POST",
            "/admin/api/upstream-providers",
            headers={"Authorization": f"Bearer {login.json['token']}"},
            json={**body, "api_key": model.api_key},
        )
        assert made.status == 200, made.body
