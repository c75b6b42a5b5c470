"""The price list of one moment, immutable: every request is quoted, held and charged with it.

Rates are whole numbers of 10^-12 msat per unit (token, request, image, search). They are rounded
up once, when a snapshot is built; afterwards everything is exact integer arithmetic, so the price
that is published is the price that is charged, to the last digit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import Flag, auto
from operator import attrgetter
from typing import Final, Self, TypeVar

PER_MSAT: Final = 10**12
"""Rate units in one msat."""
SAT_DIGITS: Final = 15
"""A rate divided by 10^15 is a price in sat, exactly."""

T = TypeVar("T")

AS_WORDS: Final = -1
"""A rate that is not given: tokens of sound and pictures then cost what those of words do."""

_TOKENS_ONLY: Final = "r1"
_ALL_UNITS: Final = "r2"
_DATE_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of one model in 10^-12 msat per unit; 0 is a price.

    ``reasoning`` is a surcharge on top of ``completion``; ``image`` is charged for each input
    image on top of its tokens. Tokens of sound and pictures cost what ``audio_input`` to
    ``image_output`` say instead of ``prompt`` and ``completion``. ``image_made`` is for one
    picture, of the size and quality of one request; ``second`` for a second of sound that is
    heard, ``character`` for one that is spoken.
    """

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    request: int = 0
    image: int = 0
    web_search: int = 0
    audio_input: int = AS_WORDS
    audio_output: int = AS_WORDS
    image_input: int = AS_WORDS
    image_output: int = AS_WORDS
    image_made: int = 0
    second: int = 0
    character: int = 0
    free: bool = field(init=False, repr=False, compare=False)
    """Nothing of this model costs anything."""
    input_worst: int = field(init=False, repr=False, compare=False)
    """The most that one input token can cost."""
    output_worst: int = field(init=False, repr=False, compare=False)
    """The most that one output token of text can cost."""

    def __post_init__(self) -> None:
        """Tokens of sound and pictures cost what those of words do, unless a price is given.

        What every quote asks of the rates is worked out once.
        """
        for name, words in _LIKE_WORDS:
            if getattr(self, name) == AS_WORDS:
                object.__setattr__(self, name, getattr(self, words))
        for name, value in zip(_NAMES, _values(self), strict=True):
            if type(value) is not int or value < 0:
                raise ValueError(f"rate {name} is not a whole number of 10^-12 msat")
        dearest = max(self.prompt, self.cache_read, self.cache_write, self.audio_input)
        object.__setattr__(self, "free", not any(_values(self)))
        object.__setattr__(self, "input_worst", dearest)
        object.__setattr__(self, "output_worst", self.completion + self.reasoning)

    def dumps(self) -> str:
        """Write the rates as compact text, to travel with a hold.

        ``r1`` and the first eight when the others follow from them, else ``r2`` and all.
        """
        values = _values(self)
        words = values[:_WORDS]
        if Rates(*words) == self:
            return " ".join((_TOKENS_ONLY, *map(str, words)))
        return " ".join((_ALL_UNITS, *map(str, values)))

    @classmethod
    def loads(cls, text: str) -> Self:
        """Read what :meth:`dumps` wrote; anything else is a ``ValueError``."""
        form, *values = text.split(" ")
        plain = all(value.isascii() and value.isdecimal() for value in values)
        if not plain or _LENGTHS.get(form) != len(values):
            raise ValueError("this text holds no rates")
        return cls(*map(int, values))


_NAMES: Final = tuple(one.name for one in fields(Rates) if one.init)
_values: Final = attrgetter(*_NAMES)
_WORDS: Final = _NAMES.index("audio_input")
_LENGTHS: Final = {_TOKENS_ONLY: _WORDS, _ALL_UNITS: len(_NAMES)}
_LIKE_WORDS: Final = (
    ("audio_input", "prompt"),
    ("audio_output", "completion"),
    ("image_input", "prompt"),
    ("image_output", "completion"),
)


class Goods(Flag):
    """What a model has a price for; without one it is not sold at the endpoints that need it."""

    TEXT = auto()
    IMAGES = auto()
    """Pictures by the piece."""
    IMAGE_TOKENS = auto()
    """Pictures by the tokens that the provider reports."""
    HEARING = auto()
    """Sound to text, by the second."""
    AUDIO_TOKENS = auto()
    """Sound to text, by tokens."""
    SPEECH = auto()
    """Text to sound, by the character."""
    SPEECH_TOKENS = auto()
    """Text to sound, by tokens."""


@dataclass(frozen=True, slots=True)
class UsdPrices:
    """What is shown as ``pricing``: USD per unit with all fees of this node.

    ``units`` are prices of other things than words, by the names of the models file; ``images``
    those of pictures by quality and size.
    """

    prompt: Decimal
    completion: Decimal
    input_cache_read: Decimal
    input_cache_write: Decimal
    internal_reasoning: Decimal
    request: Decimal
    image: Decimal
    web_search: Decimal
    units: Mapping[str, Decimal] = field(default_factory=dict)
    images: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model as it is sold in one snapshot.

    ``max_prompt``, ``max_completion`` and ``max_cost`` are the published worst cases in rate
    units. ``max_completion_tokens`` is the published limit, from which clients recompute the gate;
    ``output_limit`` is the most that the provider may produce unasked. ``body`` is the model as
    JSON, as in ``GET /v1/models/{id}``. ``provider`` names who serves it at this price; ``others``
    are the same model at other providers, the best choice first, each with no others of its own.
    ``goods`` says what it has a price for; ``images`` are rates of a picture by quality and size.
    ``own`` and ``own_images`` are what the provider takes, without this node's fees: zero where its
    price is not known.
    """

    id: str
    upstream_id: str
    name: str
    created: int
    description: str
    context_length: int
    max_completion_tokens: int | None
    output_limit: int
    rates: Rates
    rates_text: str
    max_prompt: int
    max_completion: int
    max_cost: int
    usd: UsdPrices | None
    body: bytes
    provider: str = ""
    others: tuple["ModelEntry", ...] = ()
    goods: Goods = Goods.TEXT
    images: Mapping[str, int] = field(default_factory=dict)
    own: Rates = Rates()
    own_images: Mapping[str, int] = field(default_factory=dict)

    @property
    def prompt_limit(self) -> int:
        """Input tokens that the published worst case counts with."""
        return self.context_length - (self.max_completion_tokens or 0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All models at one price of bitcoin. ``body`` is the answer to ``GET /v1/models``.

    ``models`` is keyed by the advertised id; ``names`` by every lower-case name that finds a model.
    """

    version: int
    models: Mapping[str, ModelEntry]
    names: Mapping[str, ModelEntry]
    usd_per_btc: Decimal | None
    body: bytes

    def find(self, name: str) -> ModelEntry | None:
        """The model that a client means, None for what is not sold here."""
        return find_name(self.names, name)


def find_name(names: Mapping[str, T], name: str) -> T | None:
    """Look a model's name up: in any case, and without a date suffix ``-YYYYMMDD``.

    The name as written is tried first, so a model whose id ends in a date is found by it.
    """
    key = name.lower()
    found = names.get(key)
    if found is not None:
        return found
    base, dash, date = key.rpartition("-")
    if dash and len(date) == _DATE_LENGTH and date.isascii() and date.isdecimal():
        return names.get(base)
    return None
