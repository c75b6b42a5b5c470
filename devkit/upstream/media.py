"""Pictures, speech and transcripts in the shapes of the public documentation. Pure."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from devkit.upstream.chat import Body, Reply, Shape, cut

SECONDS: Final = 9
"""How long every file sounds."""
HEARD_TOKENS: Final = 90
PICTURE_TOKENS: Final = 272
"""Of every picture."""
READ_TOKENS: Final = 12
SPOKEN_TOKENS: Final = 40
PICTURE: Final = b"\x89PNG a played picture"
SOUND: Final = b"ID3" + bytes(range(256)) * 64

_CREATED: Final = 1_767_225_600
_SUBTITLES: Final = "1\n00:00:00,000 --> 00:00:08,200\n{}\n\n"
_VTT: Final = "WEBVTT\n\n00:00:00.000 --> 00:00:08.200\n{}\n\n"


def pictures(body: Body, reply: Reply, shape: Shape) -> bytes:
    """As many as were asked for, with the usage that newer models report."""
    count = int(body.get("n") or 1)
    data = [{"b64_json": base64.b64encode(PICTURE).decode()} for _ in range(count)]
    usage = _usage(reply, shape, _drawn(count))
    return json.dumps({"created": _CREATED, "data": data, **usage}).encode()


def pictures_stream(body: Body, reply: Reply, shape: Shape) -> list[bytes]:
    """Partial pictures, then the whole one."""
    kind = "image_edit" if "image" in body or "image[]" in body else "image_generation"
    encoded = base64.b64encode(PICTURE).decode()
    partial = int(body.get("partial_images") or 1)
    events = [
        {"type": f"{kind}.partial_image", "b64_json": encoded, "partial_image_index": index}
        for index in range(partial)
    ]
    usage = _usage(reply, shape, _drawn(1))
    events.append({"type": f"{kind}.completed", "b64_json": encoded, **usage})
    return cut([_named(event) for event in events], shape)


def transcript(body: Body, reply: Reply, shape: Shape) -> bytes:
    """What was said, in the format that was asked for."""
    text = "".join(reply.words)
    form = body.get("response_format")
    if form == "srt":
        return _SUBTITLES.format(text).encode()
    if form == "vtt":
        return _VTT.format(text).encode()
    if form == "text":
        return f"{text}\n".encode()
    usage = _usage(reply, shape, {"type": "duration", "seconds": SECONDS})
    told: dict[str, Any] = {"text": text, **usage}
    if form == "verbose_json":
        told |= {"language": "english", "duration": SECONDS - 0.5, "segments": []}
    return json.dumps(told).encode()


def transcript_stream(body: Body, reply: Reply, shape: Shape) -> list[bytes]:
    """Words as they are heard."""
    del body
    events: list[Mapping[str, object]] = [
        {"type": "transcript.text.delta", "delta": word} for word in reply.words
    ]
    usage = {
        "type": "tokens",
        "input_tokens": HEARD_TOKENS,
        "input_token_details": {"text_tokens": 0, "audio_tokens": HEARD_TOKENS},
        "output_tokens": len(reply.words),
        "total_tokens": HEARD_TOKENS + len(reply.words),
    }
    done = {"type": "transcript.text.done", "text": "".join(reply.words)}
    events.append({**done, **_usage(reply, shape, usage)})
    return cut([_named(event) for event in events], shape)


def sound(body: Body, reply: Reply, shape: Shape) -> bytes:
    """The same sound, whatever is to be said."""
    del body, reply, shape
    return SOUND


def sound_stream(body: Body, reply: Reply, shape: Shape) -> list[bytes]:
    """The sound in pieces, inside events."""
    del body
    events: list[Mapping[str, object]] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(SOUND[at : at + 4_096]).decode()}
        for at in range(0, len(SOUND), 4_096)
    ]
    usage = {
        "input_tokens": READ_TOKENS,
        "output_tokens": SPOKEN_TOKENS,
        "total_tokens": READ_TOKENS + SPOKEN_TOKENS,
    }
    events.append({"type": "speech.audio.done", **_usage(reply, shape, usage)})
    return cut([_named(event) for event in events], shape)


def kind_of_transcript(body: Body) -> str:
    """The content type of a transcript."""
    plain = body.get("response_format") in {"srt", "text", "vtt"}
    return "text/plain; charset=utf-8" if plain else "application/json"


def _drawn(count: int) -> Mapping[str, object]:
    written = count * PICTURE_TOKENS
    return {
        "input_tokens": READ_TOKENS,
        "input_tokens_details": {"text_tokens": READ_TOKENS, "image_tokens": 0},
        "output_tokens": written,
        "total_tokens": READ_TOKENS + written,
    }


def _usage(reply: Reply, shape: Shape, usual: Mapping[str, object]) -> dict[str, object]:
    if shape.usage_at == "nowhere":
        return {}
    return {"usage": usual if reply.usage is None else reply.usage}


def _named(event: Mapping[str, object]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
