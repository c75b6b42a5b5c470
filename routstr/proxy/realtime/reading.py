"""How much a response may read and write at most, and how much it probably read. Pure.

====================  =================================  =======================================
what                  at most, for the hold              where nothing is reported
====================  =================================  =======================================
events of the client  a token a byte                     the tokens of their words
sound, a second       40 tokens                          10 tokens
a picture             8,000 tokens                       1,700 tokens
earlier responses     their output                       the same
the provider's own    1,024 tokens                       nothing
instructions
all of it             the model's context                the model's context
====================  =================================  =======================================

A tokenizer writes at least a byte for each token, so the first column is no guess. It is rounded up
to powers of two, from 4,096 on: a conversation that grows needs a larger hold now and then, not
with every event.
"""

from dataclasses import dataclass
from typing import Final

from routstr.catalog.snapshot import PER_MSAT, ModelEntry, Rates
from routstr.money import MAX_MSAT, ZERO, Msat
from routstr.payment.media import (
    HEARD_TOKENS,
    HEARD_TOKENS_MOST,
    READ_TOKENS,
    READ_TOKENS_HIGH,
)
from routstr.payment.pricing import Quote

OWN_TOKENS: Final = 1_024
LEAST_TOKENS: Final = 4_096
"""Room for instructions and the first words: the hold of most short conversations."""
PCM_BYTES: Final = 48_000
"""A second of the usual sound: 24 kHz, 16 bits."""
PHONE_BYTES: Final = 8_000
"""A second of the leanest sound that the API knows: G.711."""
SPOKEN_TOKENS: Final = 20
"""What a second of speech is written with."""


@dataclass(slots=True)
class Reading:
    """What the model has been given so far: at most, and probably. In tokens."""

    most: int = OWN_TOKENS
    guess: int = 0

    def add_words(self, size: int, likely: int) -> None:
        """An event of so many bytes, which are probably so many tokens."""
        self.most += size
        self.guess += likely

    def add_pictures(self, number: int) -> None:
        """So many pictures, of whatever size."""
        self.most += number * READ_TOKENS_HIGH
        self.guess += number * READ_TOKENS

    def add_sound(self, size: int, bytes_per_second: int) -> None:
        """So many bytes of sound."""
        self.most += -(-size * HEARD_TOKENS_MOST // bytes_per_second)
        self.guess += -(-size * HEARD_TOKENS // bytes_per_second)

    def add_output(self, tokens: int) -> None:
        """A response that stays in the conversation."""
        self.most += tokens
        self.guess += tokens

    def worst(self, entry: ModelEntry) -> int:
        """The tokens that the next response may read."""
        stepped = 1 << (self.most - 1).bit_length()
        return min(max(stepped, LEAST_TOKENS), entry.context_length)

    def likely(self, entry: ModelEntry) -> int:
        """The tokens that a response has probably read."""
        return min(self.guess, entry.context_length)


def quote_response(rates: Rates, read: int, written: int, least: Msat) -> Quote:
    """Price the worst response: every token the dearest that it can be. All of it must be there.

    ``least`` is the smallest price of a request. A free model costs nothing.
    """
    if rates.free:
        return Quote(ZERO, ZERO, ZERO, written, 0, 0)
    dearest_input = max(rates.input_worst, rates.image_input)
    dearest_output = rates.reasoning + max(rates.completion, rates.audio_output, rates.image_output)
    exact = rates.request + dearest_input * read + dearest_output * written
    want = Msat(min(max(int(least), -(-exact // PER_MSAT)), MAX_MSAT))
    return Quote(want, want, want, written, int(want) * PER_MSAT, 0)
