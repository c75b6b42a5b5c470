"""``POST /v1/audio/speech``: a text that is spoken, charged by its characters or by tokens.

The sound itself says nothing of what it cost. Where the model is priced by tokens alone and the
provider reports none (only its events do), the bill is an estimate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from routstr.catalog.snapshot import Goods, ModelEntry, Rates
from routstr.errors import InvalidParameter
from routstr.payment.media import SPOKEN_TOKENS, SPOKEN_TOKENS_MOST, spoken
from routstr.payment.tokens import PromptEstimate, prompt_estimate
from routstr.payment.usage import Media, Usage
from routstr.payment.usage_reading import parse_usage
from routstr.proxy.dialects.given import Given
from routstr.proxy.dialects.pieces import PieceDialect, Sold
from routstr.proxy.fields import Fields


@dataclass(frozen=True, slots=True)
class Speech:
    """The endpoint."""

    endpoint: str = "/v1/audio/speech"
    path: str = "audio/speech"
    form: bool = False
    live: bool = True
    last_events: frozenset[str] = frozenset({"speech.audio.done"})

    async def read(self, model: str, given: Given) -> "SpeechAsked":
        """See :class:`~routstr.proxy.dialects.pieces.PieceDialect`."""
        text = given.text("input")
        if not text:
            raise InvalidParameter("'input' is required.", details={"param": "input"})
        how = given.text("instructions") or ""
        return SpeechAsked(model, len(text), prompt_estimate({"input": text, "instructions": how}))


@dataclass(frozen=True, slots=True)
class SpeechAsked:
    """A text to speak."""

    model: str
    characters: int
    prompt: PromptEstimate

    def at(self, entry: ModelEntry) -> "SpeechCharged":
        """See :class:`~routstr.proxy.dialects.pieces.Ask`."""
        by_character, by_token = (
            Goods.SPEECH in entry.goods,
            Goods.SPEECH_TOKENS in entry.goods,
        )
        if not by_character and not by_token:
            raise Sold(entry).refuse(
                "speech", "pricing.input_cost_per_character or pricing.output_cost_per_audio_token"
            )
        return SpeechCharged(self, entry.rates, by_character=by_character, by_token=by_token)

    def shown(self, fields: Fields) -> None:
        """As it came."""


@dataclass(frozen=True, slots=True)
class SpeechCharged:
    """The charge."""

    asked: SpeechAsked
    rates: Rates
    by_character: bool
    by_token: bool
    changes: Mapping[str, str] = field(default_factory=dict)

    @property
    def worst(self) -> tuple[Usage, ...]:
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        found = [self._characters()] if self.by_character else []
        if self.by_token:
            found.append(self._tokens(self.asked.prompt.worst_tokens, SPOKEN_TOKENS_MOST))
        return tuple(found)

    @property
    def unseen(self) -> Usage:
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        return replace(self.of_stream(None, 0), reported=False)

    def of_answer(self, fields: Fields) -> None:
        """JSON is no sound."""

    def of_bytes(self, body: bytes) -> Usage:  # noqa: ARG002 - sound says nothing of its cost
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        return self.of_stream(None, 0)

    def of_stream(self, told: object, said: int) -> Usage:  # noqa: ARG002 - the port's
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        reported = parse_usage(told)
        if self.by_token and reported is not None:
            return spoken(reported)
        if self.by_character:
            return self._characters()
        return self._tokens(self.asked.prompt.tokens, SPOKEN_TOKENS)

    def _characters(self) -> Usage:
        return Usage(0, 0, media=Media(characters=self.asked.characters))

    def _tokens(self, prompt: int, of_character: int) -> Usage:
        tokens = self.asked.characters * of_character
        return Usage(prompt, tokens, reported=False, media=Media(audio_output=tokens))


SPEECH: Final[PieceDialect] = Speech()
