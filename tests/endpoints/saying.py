"""What the played provider does for a request, and what of it a bill may name.

Each endpoint has a way to make up one use: how many words, tokens, pictures, seconds there are,
how the provider tells them, and which units that is by the published prices. Where nothing is told
the bill is an estimate of the node's: then there are bounds.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from devkit.upstream import Reply
from tests.endpoints.prices import Units, fewest_tokens

WORDS: Final = (" time", " year", " people", " way", " day", " man", " thing", " world", " life")
QUESTION: Final = " ".join(["Tell me what the people of the world do all day."] * 6)
"""Longer than any prompt that the provider counts, so that no bill is cut by its hold."""
PROMPT_MOST: Final = 60
WORDS_MOST: Final = 12
SOUND_SECONDS_MOST: Final = 22
PICTURE_TOKENS: Final = (272, 636)
"""Of a picture of low quality, at least and at most."""
HEARD_TOKENS_MOST: Final = 40
SPOKEN: Final = "All the people of the world have their time."


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be billed; ``least`` and ``most`` are the same where it is known."""

    least: Units
    most: Units


def exactly(units: Units) -> Bounds:
    return Bounds(units, units)


@dataclass(frozen=True, slots=True)
class Use:
    """One use of an endpoint.

    ``told`` is billed when the provider tells its usage, ``untold`` when it does not, ``part`` when
    it breaks off in the middle of its stream. ``more`` are fields of the request that ask for it.
    """

    reply: Reply
    told: Units
    untold: Bounds
    part: Bounds
    more: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """Tokens that are read and written, some of the input from a cache; ``names`` of a dialect."""

    names: str = "chat"

    def __call__(self, rng: Random, *, stream: bool) -> Use:
        said = tuple(rng.choice(WORDS) for _ in range(rng.randint(6, WORDS_MOST)))
        prompt = rng.randint(20, PROMPT_MOST)
        cached = rng.choice((0, rng.randint(1, prompt // 2)))
        reply = Reply(said, prompt_tokens=prompt)
        if cached:
            reply = replace(reply, usage=self._usage(prompt, cached, len(said)))
        told = {"prompt": prompt - cached, "input_cache_read": cached, "completion": len(said)}
        few = min(prompt, fewest_tokens(QUESTION))  # a part of the usage may have been told
        most = {"prompt": len(QUESTION) + 100, "completion": len("".join(said))}
        untold = Bounds({"prompt": fewest_tokens(QUESTION), "completion": len(said)}, most)
        return Use(reply, told, untold, Bounds({"prompt": few, "completion": 1}, most), {})

    def _usage(self, prompt: int, cached: int, said: int) -> dict[str, object]:
        if self.names == "messages":
            more = {"cache_read_input_tokens": cached, "cache_creation_input_tokens": 0}
            return {"input_tokens": prompt - cached, **more, "output_tokens": said}
        read, written = (
            ("input", "output") if self.names == "responses" else ("prompt", "completion")
        )
        return {
            f"{read}_tokens": prompt,
            f"{read}_tokens_details": {"cached_tokens": cached},
            f"{written}_tokens": said,
            "total_tokens": prompt + said,
        }


def reads(rng: Random, *, stream: bool) -> Use:
    """Tokens that are read; nothing is written."""
    prompt = rng.randint(20, PROMPT_MOST)
    reply = Reply(prompt_tokens=prompt)
    untold = Bounds({"prompt": fewest_tokens(QUESTION)}, {"prompt": len(QUESTION) + 100})
    return Use(reply, {"prompt": prompt}, untold, untold, {})


def paints(rng: Random, *, stream: bool) -> Use:
    """Pictures by tokens."""
    count = 1 if stream else rng.randint(1, 3)
    read, made = rng.randint(5, PROMPT_MOST), rng.randint(100, 300) * count
    usage = {
        "input_tokens": read,
        "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
        "output_tokens": made,
        "total_tokens": read + made,
    }
    told = {"prompt": read, "output_cost_per_image_token": made}
    few, most = (
        {"prompt": prompt, "output_cost_per_image_token": count * tokens}
        for prompt, tokens in zip(
            (fewest_tokens(QUESTION), len(QUESTION) + 100), PICTURE_TOKENS, strict=True
        )
    )
    none = {"prompt": fewest_tokens(QUESTION)}
    more = {} if stream else {"n": count}
    return Use(Reply(usage=usage), told, Bounds(few, most), Bounds(none, most), more)


def draws(rng: Random, *, stream: bool) -> Use:
    """Pictures by the piece, whatever tokens are told of them."""
    count = 1 if stream else rng.randint(1, 3)
    low = rng.choice((True, False))
    units = {f"output_cost_per_image:{'low/' if low else ''}1024x1024": count}
    more = {"quality": "low" if low else "high", **({} if stream else {"n": count})}
    return Use(Reply(), units, exactly(units), exactly({}), more)


def speaks(rng: Random, *, stream: bool) -> Use:
    """Speech by characters, which are the request's own."""
    text = SPOKEN * rng.randint(1, 4)
    units = {"input_cost_per_character": len(text)}
    return Use(Reply(), units, exactly(units), exactly(units), {"input": text})


def talks(rng: Random, *, stream: bool) -> Use:
    """Speech by tokens, which only events tell."""
    assert stream, "sound alone tells no tokens"
    read, spoken = rng.randint(5, 15), rng.randint(20, 200)
    usage = {"input_tokens": read, "output_tokens": spoken, "total_tokens": read + spoken}
    name = "output_cost_per_audio_token"
    few = {"prompt": fewest_tokens(SPOKEN), name: fewest_tokens(SPOKEN)}
    most = {"prompt": len(SPOKEN) + 100, name: 10 * len(SPOKEN)}
    told = {"prompt": read, name: spoken}
    return Use(Reply(usage=usage), told, Bounds(few, most), Bounds(few, most), {"input": SPOKEN})


def hears(rng: Random, *, stream: bool) -> Use:
    """Sound by seconds."""
    seconds = rng.randint(1, SOUND_SECONDS_MOST - 1)
    part = rng.choice((".0", ".25", ""))
    usage = {"type": "duration", "seconds": float(f"{seconds}{part}") if part else seconds}
    name = "input_cost_per_second"
    some = Bounds({name: 1}, {name: SOUND_SECONDS_MOST})
    told = {name: seconds + (part == ".25")}
    return Use(Reply(WORDS, usage=usage), told, some, some, {})


def listens(rng: Random, *, stream: bool) -> Use:
    """Sound by tokens."""
    heard, said = rng.randint(20, 200), rng.randint(3, len(WORDS))
    words = WORDS[:said]
    usage = {
        "type": "tokens",
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": said,
        "total_tokens": heard + said,
    }
    name = "input_cost_per_audio_token"
    most = {
        "prompt": 100,
        name: SOUND_SECONDS_MOST * HEARD_TOKENS_MOST,
        "completion": len("".join(words)),
    }
    some = Bounds({name: 1}, most)
    told = {name: heard, "completion": said}
    return Use(Reply(words, usage=usage), told, some, some, {})


def works(rng: Random, *, stream: bool) -> Use:
    """What is sold by the call: no usage matters."""
    more = {"filler": "x" * rng.randint(0, 3_000)}
    return Use(Reply(), {}, exactly({}), exactly({}), more)
