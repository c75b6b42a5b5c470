"""``/v1/audio/transcriptions`` and ``translations``: sound to text, by seconds or by tokens.

The provider is asked for JSON where the client asks for plain text, because only JSON says how long
the sound was; the client gets its text. Subtitles are measured by their last time stamp.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from routstr.catalog.snapshot import Goods, ModelEntry, Rates
from routstr.errors import InvalidParameter
from routstr.payment.media import (
    HEARD_TOKENS,
    HEARD_TOKENS_MOST,
    WAV_HEAD_BYTES,
    WRITTEN_TOKENS_MOST,
    duration_told,
    heard,
    seconds_at_most,
    seconds_heard,
    seconds_stamped,
)
from routstr.payment.tokens import PromptEstimate, prompt_estimate
from routstr.payment.usage import Media, Usage
from routstr.payment.usage_reading import parse_usage
from routstr.proxy.dialects.given import Given
from routstr.proxy.dialects.pieces import PieceDialect, Sold
from routstr.proxy.fields import Fields, text, value

_CHARS_PER_TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class Hearing:
    """One of the two endpoints."""

    endpoint: str
    path: str
    form: bool = True
    live: bool = False
    last_events: frozenset[str] = frozenset({"transcript.text.done"})

    async def read(self, model: str, given: Given) -> "HearingAsked":
        """See :class:`~routstr.proxy.dialects.pieces.PieceDialect`."""
        files = given.files("file")
        if len(files) != 1:
            raise InvalidParameter("'file' must be one file.", details={"param": "file"})
        (file,) = files
        return HearingAsked(
            model,
            size=file.size,
            seconds=max(1, seconds_at_most(file.size, await given.head(file, WAV_HEAD_BYTES))),
            prompt=prompt_estimate({"prompt": given.text("prompt") or ""}),
            as_text=given.text("response_format") == "text",
        )


@dataclass(frozen=True, slots=True)
class HearingAsked:
    """Sound to be heard; ``seconds`` at most."""

    model: str
    size: int
    seconds: int
    prompt: PromptEstimate
    as_text: bool

    def at(self, entry: ModelEntry) -> "HearingCharged":
        """See :class:`~routstr.proxy.dialects.pieces.Ask`."""
        by_second, by_token = Goods.HEARING in entry.goods, Goods.AUDIO_TOKENS in entry.goods
        if not by_second and not by_token:
            raise Sold(entry).refuse(
                "sound that is heard",
                "pricing.input_cost_per_second or pricing.input_cost_per_audio_token",
            )
        return HearingCharged(self, entry.rates, by_second=by_second, by_token=by_token)

    def shown(self, fields: Fields) -> tuple[str, bytes] | None:
        """The text alone when that is what the client asked for."""
        if not self.as_text:
            return None
        return "text/plain; charset=utf-8", f"{text(fields, 'text') or ''}\n".encode()


@dataclass(frozen=True, slots=True)
class HearingCharged:
    """The charge."""

    asked: HearingAsked
    rates: Rates
    by_second: bool
    by_token: bool

    @property
    def changes(self) -> Mapping[str, str]:
        """JSON instead of text."""
        return {"response_format": "json"} if self.asked.as_text else {}

    @property
    def worst(self) -> tuple[Usage, ...]:
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        most = self.asked.seconds
        found = [_seconds(most)] if self.by_second else []
        if self.by_token:
            prompt, sound = self.asked.prompt.worst_tokens, most * HEARD_TOKENS_MOST
            media = Media(audio_input=sound)
            found.append(Usage(prompt + sound, most * WRITTEN_TOKENS_MOST, media=media))
        return tuple(found)

    @property
    def unseen(self) -> Usage:
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        return replace(self.of_stream(None, 0), reported=False)

    def of_answer(self, fields: Fields) -> Usage | None:
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        told = value(fields, "usage")
        said = text(fields, "text")
        if said is None and not told:
            return None
        reported = parse_usage(told)
        duration = duration_told(told, value(fields, "duration"))
        return self._bill(reported, duration, len(said or ""))

    def of_bytes(self, body: bytes) -> Usage:
        """Subtitles, or a text although JSON was asked for."""
        duration = seconds_stamped(body)
        usage = self._bill(None, duration, len(body))
        return replace(usage, reported=False)

    def of_stream(self, told: object, said: int) -> Usage:
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        return self._bill(parse_usage(told), duration_told(told, None), said)

    def _bill(self, reported: Usage | None, duration: int | None, characters: int) -> Usage:
        if self.by_token and reported is not None:
            return heard(reported)
        if self.by_second and duration is not None:
            return _seconds(duration)
        seconds = duration
        if seconds is None and reported is not None:
            seconds = -(-reported.input // HEARD_TOKENS)
        if seconds is None:
            seconds = seconds_heard(self.asked.size, characters, self.asked.seconds)
        if self.by_second:
            return replace(_seconds(seconds), reported=False)
        sound = seconds * HEARD_TOKENS
        written = -(-characters // _CHARS_PER_TOKEN)
        prompt = self.asked.prompt.tokens + sound
        return Usage(prompt, written, reported=False, media=Media(audio_input=sound))


def _seconds(seconds: int) -> Usage:
    return Usage(0, 0, media=Media(seconds=seconds))


HEARING: Final[tuple[PieceDialect, ...]] = (
    Hearing("/v1/audio/transcriptions", "audio/transcriptions"),
    Hearing("/v1/audio/translations", "audio/translations"),
)
