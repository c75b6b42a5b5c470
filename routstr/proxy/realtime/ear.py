"""Transcripts of what is heard: another model, with a price and holds of its own.

One hold covers all sound that may still be transcribed: what was sent and not committed, and what
was committed and has no transcript yet. A transcript settles it, and the rest is held for anew.
Where the session wants no transcripts, seconds are counted and nothing is held.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

from routstr.catalog.snapshot import Goods, ModelEntry
from routstr.errors import NotPriced, RoutstrError
from routstr.payment.media import BYTES_PER_SECOND_USUAL
from routstr.payment.metering import Meter, Receipt
from routstr.payment.tokens import prompt_estimate
from routstr.payment.usage import Usage
from routstr.proxy.dialects.hearing import HearingAsked, HearingCharged
from routstr.proxy.realtime.news import Transcript
from routstr.proxy.realtime.setup import Setup

STEP_SECONDS: Final = 30
_WANTED: Final = Goods.HEARING | Goods.AUDIO_TOKENS


class Desk(Protocol):
    """Where the model is found and holds are made."""

    def find(self, model: str) -> ModelEntry | None: ...
    async def hold_most(self, entry: ModelEntry, most: tuple[Usage, ...]) -> Meter: ...
    def charged(self, receipt: Receipt) -> None: ...


class Ear:
    """The transcripts of one conversation."""

    __slots__ = (
        "_covered",
        "_desk",
        "_heard",
        "_lock",
        "_meter",
        "_model",
        "_rest",
        "_setup",
        "_waiting",
    )

    def __init__(self, desk: Desk, setup: Setup) -> None:
        self._desk: Final = desk
        self._setup: Final = setup
        self._lock: Final = asyncio.Lock()
        self._model: str | None = None
        self._meter: Meter | None = None
        self._covered = 0
        self._rest = 0  # bytes of a second that has begun
        self._heard = 0  # seconds that were not committed
        self._waiting: Final[dict[str, int]] = {}

    @property
    def quiet(self) -> bool:
        """Whether no transcript is awaited."""
        return not self._waiting

    def ask(self, session: Mapping[str, object]) -> None:
        """The client sets the session up; the model's name becomes that at the provider.

        Raises :class:`NotPriced` for a model that is not sold here.
        """
        for holder in (session, _input(session)):
            for name in ("transcription", "input_audio_transcription"):
                wish = holder.get(name)
                if isinstance(wish, dict):
                    wish["model"] = self._listen_with(wish.get("model")).upstream_id
                elif wish is not None:
                    raise _unpriced()

    async def hear(self, size: int, bytes_per_second: int) -> None:
        """Before sound is passed on: hold for its transcript. Raises what says that nobody pays."""
        known = self._heard, self._rest
        seconds, self._rest = divmod(self._rest + size, bytes_per_second)
        self._heard += seconds
        try:
            await self.cover()
        except RoutstrError:
            self._heard, self._rest = known  # it is not passed on
            raise

    async def cover(self) -> None:
        """Have a hold that is large enough, where transcripts are made. Raises as above."""
        if self._setup.transcribing:
            async with self._lock:
                await self._grow()

    def take_item(self, item: str) -> None:
        """What was sent so far is an item now."""
        if self._setup.transcribing:
            self._waiting[item] = self._waiting.get(item, 0) + self._heard + bool(self._rest)
        self.clear()

    def clear(self) -> None:
        """What was sent so far is thrown away."""
        self._heard = self._rest = 0

    async def finish(self, told: Transcript) -> Receipt | None:
        """A transcript has come: charge for it. None for one that nobody awaited, or that failed.

        Raises when nobody pays for those that follow.
        """
        async with self._lock:
            seconds = self._waiting.pop(told.item, None)
            if told.failed or seconds is None or self._meter is None:
                return None
            meter, self._meter = self._meter, None
            usage = self._charge(max(1, seconds)).of_stream(told.usage, len(told.text))
            receipt = await meter.settle(usage)
            self._desk.charged(receipt)
            if self._total:
                await self._grow()
            return receipt

    async def end(self, *, left: bool) -> None:
        """End the hold; ``left``: the client has gone, and what it committed is charged."""
        meter, self._meter = self._meter, None
        seconds = sum(self._waiting.values())
        self._waiting.clear()
        if meter is not None and left and seconds:
            self._desk.charged(await meter.settle(self._charge(seconds).unseen))

    @property
    def _total(self) -> int:
        return sum(self._waiting.values()) + self._heard + bool(self._rest)

    def _listen_with(self, model: object) -> ModelEntry:
        entry = self._desk.find(model) if isinstance(model, str) else None
        if entry is None or not entry.goods & _WANTED:
            raise _unpriced()
        self._model = entry.id
        return entry

    async def _grow(self) -> None:
        """To be called inside the lock."""
        earlier = self._meter
        if earlier is not None and self._covered >= self._total:
            return
        steps = -(-max(1, self._total) // STEP_SECONDS)
        seconds = STEP_SECONDS << (steps - 1).bit_length()
        self._meter = await self._desk.hold_most(self._entry(), self._charge(seconds).worst)
        self._covered = seconds
        if earlier is not None:
            await earlier.release()

    def _charge(self, seconds: int) -> HearingCharged:
        asked = HearingAsked(
            self._model or "",
            size=seconds * BYTES_PER_SECOND_USUAL,
            seconds=seconds,
            prompt=prompt_estimate({}),
            as_text=False,
        )
        return asked.at(self._entry())

    def _entry(self) -> ModelEntry:
        entry = self._desk.find(self._model or "")
        if entry is None:
            raise _unpriced()
        return entry


def _input(session: Mapping[str, object]) -> Mapping[str, object]:
    sound = session.get("audio")
    given = sound.get("input") if isinstance(sound, Mapping) else None
    return given if isinstance(given, Mapping) else {}


def _unpriced() -> NotPriced:
    return NotPriced(
        "Transcripts of what is heard have no price on this node, or not by this model.",
        details={"param": "session.audio.input.transcription"},
    )
