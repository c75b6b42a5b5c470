"""How much pictures and sound may use at most, and how much they probably used. Pure.

A provider's own count decides the bill where there is one. Before the request, and where a
provider does not count, these bounds and estimates stand in for it:

====================  =================================  =======================================
what                  at most, for the hold              where nothing is reported
====================  =================================  =======================================
a picture by tokens   4,160 per 1024x1024 pixels in      the same: what is drawn is known before
                      high quality (1,056 in medium,
                      272 in low), 100 per partial one
a picture to read     1,700 tokens, 8,000 at high        the same
                      fidelity
seconds of sound      PCM in WAV: by its header; else    what time stamps say, else 15 characters
                      a second for every 750 bytes       of text or 16,000 bytes a second
                      (Opus at its lowest rate)
tokens of a second    40 heard, 10 written               10 heard, tokens of the text
of sound
tokens of a           10                                 2
character spoken
====================  =================================  =======================================
"""

import re
from typing import Final

from routstr.payment.usage import Media, Usage

PIXELS: Final = 1024 * 1024
TOKENS_OF_QUALITY: Final = {"low": 272, "medium": 1_056, "high": 4_160}
LARGEST_USUAL: Final = (1536, 1024)
"""What a size that is left to the provider comes to at most."""
EDGE_TOKENS: Final = 64
"""Beyond the proportion: tiles at the edges."""
PARTIAL_TOKENS: Final = 100
READ_TOKENS: Final = 1_700
READ_TOKENS_HIGH: Final = 8_000

BYTES_PER_SECOND_LEAST: Final = 750
BYTES_PER_SECOND_USUAL: Final = 16_000
CHARACTERS_PER_SECOND: Final = 15
HEARD_TOKENS_MOST: Final = 40
HEARD_TOKENS: Final = 10
WRITTEN_TOKENS_MOST: Final = 10
SPOKEN_TOKENS_MOST: Final = 10
SPOKEN_TOKENS: Final = 2

SECONDS_MAX: Final = 10**7
WAV_HEAD_BYTES: Final = 44
_WAV: Final = re.compile(rb"RIFF....WAVEfmt \x10\0\0\0\x01\0(..)(....)......(..)data", re.DOTALL)
_SIZE: Final = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
_STAMP: Final = re.compile(rb"--> *(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})")


def picture_tokens(quality: str, size: str, partial: int = 0) -> int:
    """Most output tokens of one picture; what is not named is taken for the dearest."""
    found = _SIZE.fullmatch(size)
    width, height = (int(found[1]), int(found[2])) if found else LARGEST_USUAL
    most = TOKENS_OF_QUALITY.get(quality, TOKENS_OF_QUALITY["high"])
    whole = -(-most * max(width * height, PIXELS // 4) // PIXELS) + EDGE_TOKENS
    return whole + partial * PARTIAL_TOKENS


def seconds_at_most(size: int, head: bytes) -> int:
    """How long a file of so many bytes can sound; ``head`` is its beginning."""
    found = _WAV.match(head)
    if found is not None:
        channels, rate, bits = (int.from_bytes(part, "little") for part in found.groups())
        if bytes_per_second := channels * rate * bits // 8:
            return -(-size // bytes_per_second)
    return -(-size // BYTES_PER_SECOND_LEAST)


def seconds_heard(size: int, characters: int, most: int) -> int:
    """How long a file probably sounds when nobody says it."""
    by_size, by_text = size // BYTES_PER_SECOND_USUAL, characters // CHARACTERS_PER_SECOND
    return max(1, min(most, max(by_size, by_text)))


def seconds_told(value: object) -> int | None:
    """A duration in seconds as providers write it, up to the next whole one; None when it is none.

    Read as text and digit by digit: no binary fraction decides a bill.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = re.fullmatch(r"(\d{1,9})(?:\.(\d+))?", str(value))
    if found is None:
        return None
    whole = int(found[1]) + bool((found[2] or "").strip("0"))
    return whole if whole <= SECONDS_MAX else None


def seconds_stamped(text: bytes) -> int | None:
    """Where the last line of subtitles (SRT, WebVTT) ends; None without any."""
    found = list(_STAMP.finditer(text))
    if not found:
        return None
    last = found[-1]
    hours, minutes, seconds = (int(part or 0) for part in last.groups()[:3])
    return hours * 3_600 + minutes * 60 + seconds + bool(last[4].strip(b"0"))


def drawn(told: Usage) -> Usage:
    """A report of pictures: all output that is not said to be text is of the pictures."""
    media = told.media or Media()
    media = Media(image_input=media.image_input, image_output=told.completion)
    return _with_media(told, media)


def heard(told: Usage) -> Usage:
    """A report of sound that was read: all input that is not said to be text is sound."""
    media = told.media if told.media is not None else Media(audio_input=told.prompt)
    return _with_media(told, media)


def spoken(told: Usage) -> Usage:
    """A report of speech: all output is sound."""
    media = Media(audio_output=told.completion)
    return _with_media(told, media)


def _with_media(told: Usage, media: Media) -> Usage:
    cached = told.cache_read, told.cache_write
    return Usage(told.prompt, told.completion, *cached, media=media, taken=told.taken)


def duration_told(usage: object, duration: object) -> int | None:
    """Seconds that an answer says: ``usage.seconds``, else its ``duration``."""
    found = seconds_told(usage.get("seconds")) if isinstance(usage, dict) else None
    return seconds_told(duration) if found is None else found
