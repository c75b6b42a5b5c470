"""The row of conversations: one response over a WebSocket, and what befalls it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal, Protocol

import aiohttp

from devkit.upstream import Play, refuse, silent
from devkit.upstream.realtime import Script, realtime
from tests.endpoints.client import Answer, Client
from tests.endpoints.outcomes import NOTHING, Charge, Name, judge_error
from tests.endpoints.payers import Bank, Paying, hold
from tests.endpoints.prices import PriceList, Units
from tests.endpoints.provider import TICKET, Stages

MODEL: Final = "converses"
_PATH: Final = f"/v1/realtime?model={MODEL}"
_UPGRADE: Final[Mapping[str, str]] = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
_SETUP: Final = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
_REFUSED: Final = frozenset({"4xx", "5xx", "timeout"})
_SPOKEN: Final = "response.output_audio.delta"
_DONE: Final = "response.done"
_CUT_CLOSE: Final = 4_502
_LEAST: Final[Units] = {"completion": 5}
_MOST: Final[Units] = {"prompt": 500, "completion": 30, "output_cost_per_audio_token": 20}
"""Of a played response that tells no usage: five words, and a tenth of a second."""


class Place(Protocol):
    """What a cell needs of the world."""

    @property
    def bank(self) -> Bank: ...
    @property
    def stages(self) -> Stages: ...
    @property
    def prices(self) -> PriceList: ...


@dataclass(frozen=True, slots=True)
class TalkRow:
    """``/v1/realtime``: always a stream, and never paid with ``X-Cashu``."""

    name: str = "realtime"
    form: Literal["stream"] = "stream"

    def __str__(self) -> str:
        return f"{self.name}, {self.form}"


TALK: Final = TalkRow()


async def run_talk(
    outcome: Name, place: Place, payer: Paying, seed: str, *, pays_once: bool
) -> Charge:
    """Raise :class:`Broken` when anything is wrong; what was expected to be charged."""
    told, usage = _use(Random(seed))
    gate = asyncio.Event()
    stage = place.stages.set(seed, _play(outcome, usage, gate))
    client, headers = place.bank.client, {**payer.headers, TICKET: seed}
    if pays_once:
        await _judge_x_cashu(client, headers, payer)
        hold(stage.times == 0, "the provider was asked")
        return NOTHING
    if outcome in _REFUSED:
        answer = await client.ask(_PATH, {**headers, **_UPGRADE}, method="GET")
        charged = await payer.charged(answer)
        hold(charged == 0, f"charged {charged} msat for nothing: {answer}")
        judge_error(outcome, answer)
        wanted = NOTHING
    else:
        seen, closed = await _talk(client, headers, gate, leaves=outcome == "gone")
        wanted = _charge(outcome, told, place.prices)
        charged = await payer.charged(Answer(101, {}, b""))
        hold(charged in wanted, f"charged {charged} msat, not {wanted}")
        _judge(outcome, seen, closed, charged)
    hold(stage.times == 1, f"the provider was asked {stage.times} times")
    return wanted


def _use(rng: Random) -> tuple[Units, dict[str, Any]]:
    """One response in units of the price list, and as the provider tells it."""
    words, sound, said, spoken = (rng.randint(5, 30) for _ in range(4))
    known, heard_before = rng.randint(0, words), rng.randint(0, sound)
    usage = {
        "total_tokens": words + sound + said + spoken,
        "input_tokens": words + sound,
        "output_tokens": said + spoken,
        "input_token_details": {
            "text_tokens": words,
            "audio_tokens": sound,
            "cached_tokens": known + heard_before,
            "cached_tokens_details": {"text_tokens": known, "audio_tokens": heard_before},
        },
        "output_token_details": {"text_tokens": said, "audio_tokens": spoken},
    }
    units = {
        "prompt": words - known,
        "input_cost_per_audio_token": sound - heard_before,
        "input_cache_read": known + heard_before,
        "completion": said,
        "output_cost_per_audio_token": spoken,
    }
    return units, usage


def _play(outcome: Name, usage: dict[str, Any], gate: asyncio.Event) -> Play:
    match outcome:
        case "4xx":
            return refuse(400, message="No such thing.")
        case "5xx":
            return refuse(500)
        case "timeout":
            return silent()
        case "cut":
            return realtime(Script(usage, stops="cut", gate=gate))
        case "gone":
            return realtime(Script(usage, gate=gate))
    gate.set()
    return realtime(Script(None if outcome == "no usage" else usage))


def _charge(outcome: Name, told: Units, prices: PriceList) -> Charge:
    few, most = (_LEAST, _MOST) if outcome in {"cut", "no usage"} else (told, told)
    return Charge(prices.charge(MODEL, few), prices.charge(MODEL, most))


async def _talk(
    client: Client, headers: Mapping[str, str], gate: asyncio.Event, *, leaves: bool
) -> tuple[list[dict[str, Any]], int | None]:
    """Ask for one response; everything that came, and the close code of the other side."""
    seen: list[dict[str, Any]] = []
    async with client.converse(_PATH, headers) as talk:
        await talk.send_json({"type": "session.update", "session": _SETUP})
        await talk.send_json({"type": "response.create"})
        async for message in talk:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            event = message.json()
            seen.append(event)
            if event["type"] == _DONE or (leaves and event["type"] == _SPOKEN):
                break
            if event["type"] == _SPOKEN:
                gate.set()
        return seen, talk.close_code


def _judge(outcome: Name, seen: list[dict[str, Any]], closed: int | None, charged: int) -> None:
    """The client sees what it should, and is told what it was charged."""
    kinds = [event["type"] for event in seen]
    hold(_SPOKEN in kinds, f"nothing was heard: {kinds}")
    if outcome == "gone":
        return
    if outcome == "cut":
        codes = [event["error"]["code"] for event in seen if event["type"] == "error"]
        hold(codes == ["upstream_unreachable"], f"the client is told {codes}")
        hold(closed == _CUT_CLOSE, f"closed with {closed}")
        return
    told = seen[-1]["response"]["usage"]["cost"]["total_msats"]
    hold(told == charged, f"told {told}, charged {charged}")


async def _judge_x_cashu(client: Client, headers: Mapping[str, str], payer: Paying) -> None:
    answer = await client.ask(_PATH, {**headers, **_UPGRADE}, method="GET")
    hold(answer.status == 400, f"X-Cashu pays for one request alone: {answer}")
    await payer.untouched()
