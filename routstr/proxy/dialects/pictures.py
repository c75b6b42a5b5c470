"""``/v1/images/...``: pictures from words, from other pictures, and variations of one.

A model sells pictures by the piece, by the tokens that its provider reports, or both (tokens then
decide where they are reported). A quality or size that the request leaves open, or to ``auto``, is
asked for as the first of the model's prices that fits: what is priced is what the provider is told.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec
from msgspec import structs

from routstr.catalog.snapshot import Goods, ModelEntry, Rates
from routstr.catalog.units import ANY, image_rate
from routstr.errors import InvalidParameter
from routstr.payment.media import READ_TOKENS, READ_TOKENS_HIGH, drawn, picture_tokens
from routstr.payment.tokens import PromptEstimate, prompt_estimate
from routstr.payment.usage import Media, Usage
from routstr.payment.usage_reading import parse_usage
from routstr.proxy.dialects.given import Given, odd
from routstr.proxy.dialects.pieces import PieceDialect, Sold
from routstr.proxy.fields import Fields, value

PICTURES_MAX: Final = 10
INPUTS_MAX: Final = 16
PARTIAL_MAX: Final = 3
_OPEN: Final = frozenset({"", "auto"})
_SIZE: Final = re.compile(r"\d+x\d+")
_pieces: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Pictures:
    """One of the three endpoints. ``inputs`` are the fields of its pictures."""

    endpoint: str
    path: str
    inputs: tuple[str, ...] = ()
    worded: bool = True
    live: bool = False
    last_events: frozenset[str] = frozenset({"image_generation.completed", "image_edit.completed"})

    @property
    def form(self) -> bool:
        """Pictures come in forms."""
        return bool(self.inputs)

    async def read(self, model: str, given: Given) -> "PicturesAsked":
        """See :class:`~routstr.proxy.dialects.pieces.PieceDialect`."""
        prompt = given.text("prompt")
        if self.worded and not prompt:
            raise InvalidParameter("'prompt' is required.", details={"param": "prompt"})
        inputs = given.files(*self.inputs) if self.inputs else ()
        if self.inputs and not 1 <= len(inputs) <= INPUTS_MAX:
            raise InvalidParameter(
                f"'image' must be one file, up to {INPUTS_MAX}.", details={"param": "image"}
            )
        count, streamed = given.whole("n", PICTURES_MAX) or 1, given.flag("stream")
        if streamed and count > 1:
            raise odd("n", "must be 1 where pictures are streamed")
        return PicturesAsked(
            model,
            count=count,
            quality=(given.text("quality") or "").lower(),
            size=(given.text("size") or "").lower(),
            prompt=prompt_estimate({"prompt": prompt or ""}),
            inputs=len(inputs) + len(given.files("mask")),
            faithful=given.text("input_fidelity") == "high",
            partial=PARTIAL_MAX if streamed else 0,
        )


@dataclass(frozen=True, slots=True)
class PicturesAsked:
    """A request for pictures."""

    model: str
    count: int
    quality: str
    size: str
    prompt: PromptEstimate
    inputs: int = 0
    faithful: bool = False
    partial: int = 0

    def at(self, entry: ModelEntry) -> "PicturesCharged":
        """See :class:`~routstr.proxy.dialects.pieces.Ask`."""
        quality, size = self.quality, self.size
        by_piece, by_token = Goods.IMAGES in entry.goods, Goods.IMAGE_TOKENS in entry.goods
        rate: int | None = None
        if by_piece and entry.images:
            quality, size = _filled(entry.images, quality, size)
            rate = image_rate(entry.images, quality, size)
        elif by_piece:
            rate = entry.rates.image_made
        if rate is None and not by_token:
            raise Sold(entry).refuse(
                f"pictures of quality {quality or 'any'!r} and size {size or 'any'!r}",
                "pricing.output_cost_per_image or pricing.output_cost_per_image_token",
            )
        told = {"quality": (self.quality, quality), "size": (self.size, size)}
        return PicturesCharged(
            self,
            replace(entry.rates, image_made=rate or 0),
            {name: after for name, (before, after) in told.items() if after != before},
            by_piece=rate is not None,
            by_token=by_token,
            tokens=picture_tokens(quality, size, self.partial),
        )

    def shown(self, fields: Fields) -> None:
        """Always JSON."""


@dataclass(frozen=True, slots=True)
class PicturesCharged:
    """The charge; ``tokens`` are the most of one picture."""

    asked: PicturesAsked
    rates: Rates
    changes: Mapping[str, str]
    by_piece: bool
    by_token: bool
    tokens: int

    @property
    def worst(self) -> tuple[Usage, ...]:
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        found = []
        if self.by_piece:
            found.append(self._pieces(self.asked.count))
        if self.by_token:
            found.append(self._tokens(self.asked.count, self.asked.prompt.worst_tokens))
        return tuple(found)

    @property
    def unseen(self) -> Usage:
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        return structs.replace(self.of_stream(None, self.asked.count), reported=False)

    def of_answer(self, fields: Fields) -> Usage | None:
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        try:
            made = len(_pieces(fields["data"])) if "data" in fields else None
        except msgspec.MsgspecError:
            made = None
        told = value(fields, "usage")
        if made is None and parse_usage(told) is None:
            return None
        return self.of_stream(told, made or 0)

    def of_bytes(self, body: bytes) -> None:
        """Pictures come in JSON."""

    def of_stream(self, told: object, said: int) -> Usage:
        """See :class:`~routstr.proxy.dialects.pieces.Charge`."""
        reported = parse_usage(told)
        if self.by_token and reported is not None:
            return drawn(reported)
        if self.by_piece:
            return self._pieces(said)
        return structs.replace(self._tokens(said, self.asked.prompt.tokens), reported=False)

    def _pieces(self, made: int) -> Usage:
        return Usage(0, 0, media=Media(images_made=made))

    def _tokens(self, made: int, prompt: int) -> Usage:
        read = self.asked.inputs * (READ_TOKENS_HIGH if self.asked.faithful else READ_TOKENS)
        written = made * self.tokens
        media = Media(image_input=read, image_output=written)
        return Usage(prompt + read, written, media=media)


def _filled(images: Mapping[str, int], quality: str, size: str) -> tuple[str, str]:
    """Quality and size with what was left open taken from the first price that fits."""
    if quality not in _OPEN and size not in _OPEN:
        return quality, size
    for name in images:
        listed, _, measure = name.rpartition("/")
        if not listed and not _SIZE.fullmatch(measure):
            listed, measure = measure, ANY
        if listed and quality not in _OPEN and listed != quality:
            continue
        if measure and size not in _OPEN and measure != size:
            continue
        return (
            (listed or quality) if quality in _OPEN else quality,
            (measure or size) if size in _OPEN else size,
        )
    return quality, size


PICTURES: Final[tuple[PieceDialect, ...]] = (
    Pictures("/v1/images/generations", "images/generations"),
    Pictures("/v1/images/edits", "images/edits", ("image", "image[]")),
    Pictures("/v1/images/variations", "images/variations", ("image",), worded=False),
)
