"""A played conversation: the events of OpenAI's Realtime API, with exact usage, or badly.

Sound that ends in :data:`PAUSE` is what somebody said who has finished: where the session's
``turn_detection`` is on, a response begins by itself, as with the real one.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from devkit.upstream.frames import Talk
from devkit.upstream.http import Exchange, Play

PAUSE: Final = b"pause"
SPOKEN: Final = b"\x01\x02" * 2_400
"""A tenth of a second."""
USAGE: Final[Mapping[str, Any]] = {
    "total_tokens": 36,
    "input_tokens": 20,
    "output_tokens": 16,
    "input_token_details": {
        "text_tokens": 12,
        "audio_tokens": 8,
        "cached_tokens": 6,
        "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 2},
    },
    "output_token_details": {"text_tokens": 6, "audio_tokens": 10},
}
SESSION: Final[Mapping[str, Any]] = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_played",
    "max_output_tokens": "inf",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "turn_detection": {"type": "server_vad", "create_response": True},
            "transcription": None,
        }
    },
}
FOREVER_S: Final = 3_600.0


@dataclass
class Script:
    """How a conversation is played.

    ``usage``: what each response reports; None: nothing. ``stops``: what happens instead of the
    end of a response, after its first words: ``cut`` (reset), ``close`` (goodbye), ``silent``,
    ``garbage``, ``binary``, ``wait`` (until it is cancelled). ``gate``: awaited before the end.
    """

    usage: object = field(default_factory=lambda: dict(USAGE))
    transcript: object = field(default_factory=lambda: {"type": "duration", "seconds": 1.5})
    """The usage of a transcript; None: it fails."""
    stops: str = ""
    gate: asyncio.Event | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)
    """Every event that arrived, in order."""


def realtime(script: Script | None = None) -> Play:
    """Speak with whoever connects."""

    async def play(exchange: Exchange) -> None:
        talk = Talk(exchange)
        await talk.accept()
        await _Conversation(exchange, talk, script or Script()).run()

    return play


class _Conversation:
    def __init__(self, exchange: Exchange, talk: Talk, script: Script) -> None:
        self._exchange = exchange
        self._talk = talk
        self._script = script
        self._session: dict[str, Any] = dict(SESSION)
        self._responses = 0
        self._items = 0
        self._active: asyncio.Task[None] | None = None

    async def run(self) -> None:
        await self._talk.send({"type": "session.created", "session": self._session})
        await self._talk.send({"type": "rate_limits.updated", "rate_limits": [{"name": "planted"}]})
        try:
            while (event := await self._talk.receive()) is not None:
                self._script.heard.append(event)
                await self._answer(event)
        finally:
            if self._active is not None:
                self._active.cancel()

    async def _answer(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "session.update":
                self._session = _merged(self._session, event["session"])
                await self._talk.send({"type": "session.updated", "session": self._session})
            case "input_audio_buffer.append":
                turns = self._session["audio"]["input"]["turn_detection"]
                if turns is not None and b64decode(event["audio"]).endswith(PAUSE):
                    await self._commit()
                    await self._respond(event)
            case "input_audio_buffer.commit":
                await self._commit()
            case "input_audio_buffer.clear":
                await self._talk.send({"type": "input_audio_buffer.cleared"})
            case "conversation.item.create":
                await self._talk.send({"type": "conversation.item.done", "item": event["item"]})
            case "response.create":
                await self._respond(event)
            case "response.cancel":
                await self._cancel()

    async def _commit(self) -> None:
        self._items += 1
        item = f"item_{self._items}"
        await self._talk.send({"type": "input_audio_buffer.committed", "item_id": item})
        if self._session["audio"]["input"]["transcription"] is None:
            return
        kind = "conversation.item.input_audio_transcription"
        usage = self._script.transcript
        if usage is None:
            await self._talk.send({"type": f"{kind}.failed", "item_id": item, "error": {}})
            return
        told = {"item_id": item, "content_index": 0, "transcript": "Say something."}
        await self._talk.send({"type": f"{kind}.completed", **told, "usage": usage})

    async def _respond(self, event: dict[str, Any]) -> None:
        if self._active is not None and not self._active.done():
            error = {
                "type": "invalid_request_error",
                "code": "conversation_already_has_active_response",
                "message": "Conversation already has an active response (org-planted0123456789).",
                "event_id": event.get("event_id"),
            }
            await self._talk.send({"type": "error", "event_id": "e", "error": error})
            return
        self._responses += 1
        self._active = asyncio.create_task(self._speak(f"resp_{self._responses}"))

    async def _cancel(self) -> None:
        if self._active is None or self._active.done():
            return
        self._active.cancel()
        await self._done(f"resp_{self._responses}", "cancelled")

    async def _speak(self, response: str) -> None:
        talk, script = self._talk, self._script
        await talk.send(_response("response.created", response, "in_progress", None))
        for words in ("This is ", "a played answer."):
            kind = "response.output_audio_transcript.delta"
            await talk.send({"type": kind, "response_id": response, "delta": words})
        sound = b64encode(SPOKEN).decode()
        await talk.send(
            {"type": "response.output_audio.delta", "response_id": response, "delta": sound}
        )
        if script.gate is not None:
            await script.gate.wait()
        match script.stops:
            case "cut":
                self._exchange.reset()
            case "close":
                await talk.close()
            case "silent" | "wait":
                await asyncio.sleep(FOREVER_S)
            case "garbage":
                await talk.send("{no event")
            case "binary":
                await talk.send(b"\x00")
            case _:
                await self._done(response, "completed")

    async def _done(self, response: str, status: str) -> None:
        await self._talk.send(_response("response.done", response, status, self._script.usage))


def _response(kind: str, response: str, status: str, usage: object) -> dict[str, Any]:
    told = {"object": "realtime.response", "id": response, "status": status, "output": []}
    return {"type": kind, "event_id": "e", "response": {**told, "usage": usage}}


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(old)
    for name, value in new.items():
        known = found.get(name)
        both = isinstance(value, Mapping) and isinstance(known, Mapping)
        found[name] = _merged(known or {}, value) if both else value
    return found
