"""How many tokens a text and a request body are, before and without a provider's word for it.

Counts come from the o200k vocabulary (it ships with the package, nothing is fetched). Providers
use others, so an upper estimate adds a margin that was measured against vocabularies of 32k, 49k
and 100k tokens: text in Latin letters, code and JSON take up to a third more there, other scripts
up to one token more for three bytes, digits one token each instead of one for three.

The cost of counting is bounded: a text beyond :data:`EXACT_CHARS` is sampled.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import blake2b
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

EXACT_CHARS: Final = 32_768
"""Longest text that is counted token by token (1.5 ms; at most 8 ms for random letters)."""
SAMPLES: Final = 32
SAMPLE_CHARS: Final = EXACT_CHARS // SAMPLES

GATE_CHARS_PER_TOKEN: Final = 3
"""Clients recompute the gate with a token for every three characters."""
IMAGE_TOKENS_GATE: Final = 85
IMAGE_TOKENS_LOW: Final = 85
IMAGE_TOKENS: Final = 765
IMAGE_TOKENS_WORST: Final = 1_600
"""Images are never fetched or decoded: a low-detail one, a usual one, the largest usual one."""

TEMPLATE_TOKENS: Final = 3
TEMPLATE_TOKENS_WORST: Final = 32
"""What a chat template adds to a request: markers, and some models' default system prompt."""
MESSAGE_TOKENS: Final = 4
MESSAGE_TOKENS_WORST: Final = 8
PART_TOKENS_WORST: Final = 4
"""Quotes, commas and indentation around a string of a tool or schema."""

BLOB_CHARS_PER_TOKEN: Final = 3
"""Base64 of files and sound, counted as clients count every character."""

_IMAGE_TYPES: Final = frozenset({"image", "image_url", "input_image"})
_IMAGE_PAYLOAD: Final = frozenset({"image_url", "source", "url", "data"})
_BLOB_KEYS: Final = frozenset({"data", "file_data", "url"})
_PROMPT_KEYS: Final = frozenset({"input", "instructions", "prompt", "query", "suffix", "system"})
_NOT_IN_PROMPT: Final = frozenset(
    {"logit_bias", "messages", "metadata", "modalities", "model", "stop", "stream_options", "user"}
)
_PARAMETER_CHARS: Final = 64
"""A top-level text that is longer is no mere parameter, whatever its name."""
_ROLE_CHARS: Final = 32
"""A longer role is a text: some providers' templates write whatever role there is."""
_ARGUMENTS: Final = frozenset({"arguments", "input"})
"""Inside messages: calls of tools, which reach the model as JSON, names and numbers included."""
_CONTAINERS: Final = (dict, list)
_DIGITS: Final = b"0123456789"
_ID_END: Final = 10**7
"""Token ids are smaller."""
_NUMBER_CHARS: Final = 24
"""The longest number that clients leave out of the gate; JSON knows integers of 4,300 digits."""


class PromptEstimate(Struct, frozen=True, gc=False):
    """Input tokens of one request body.

    ``gate_tokens``: as clients recompute the gate, never above it. ``tokens``: the best guess, for
    billing when the provider reports nothing. ``worst_tokens``: an upper estimate for any
    provider, never below ``tokens``. Images are inside all three; ``images`` counts them.
    """

    gate_tokens: int
    tokens: int
    worst_tokens: int
    images: int = 0


def count_text(text: str) -> int:
    """Tokens of a text: exact up to :data:`EXACT_CHARS`, from samples beyond."""
    return _measure(text)[0]


def output_estimate(text: str) -> int:
    """Output tokens of an answer whose provider reported none: what was streamed, no margin."""
    return count_text(text)


def load_vocabulary() -> Path | None:
    """Load the vocabulary (0.1 s, 35 MB) at the start instead of in the first request.

    Tells the file that it came from: what was needed of it has been copied.
    """
    _counter()
    origin = _package().origin
    return None if origin is None else Path(origin)


def prompt_estimate(body: Mapping[str, Any]) -> PromptEstimate:
    """Estimate the input of a request body of any dialect: every string of it counts.

    For the gate a plain chat body counts the characters of its messages' text and nothing else,
    as all clients do. Tools, schemas and other fields count too, names included: newer clients
    count the whole body, and not counting them would sell long prompts for nothing.
    """
    reader = _Reader()
    messages = body.get("messages")
    if isinstance(messages, list):
        for message in messages:
            reader.read_message(message)
    for key, value in body.items():
        if key in _NOT_IN_PROMPT:
            continue
        is_prompt = key in _PROMPT_KEYS
        if isinstance(value, _CONTAINERS) or (
            isinstance(value, str) and (is_prompt or len(value) > _PARAMETER_CHARS)
        ):
            reader.read(value, names=not is_prompt)
    return reader.estimate()


class _Reader:
    """Walks a body without recursion and collects what costs tokens."""

    __slots__ = ("blob_chars", "gate_chars", "ids", "images", "low", "messages", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.gate_chars = 0
        self.blob_chars = 0
        self.ids = 0
        self.images = 0
        self.low = 0
        self.messages = 0

    def read_message(self, message: object) -> None:
        """A message counts by its texts: field names and roles are the template's business."""
        self.messages += 1
        if not isinstance(message, dict):
            self.read(message, names=False)
            return
        for name, value in message.items():
            if isinstance(value, str):
                if name != "role" or len(value) > _ROLE_CHARS:
                    self._text(value)
            else:
                self.read(value, names=False)

    def read(self, value: object, *, names: bool) -> None:
        """Collect every string below ``value``.

        ``names``: it is JSON to the model, so names and numbers count, and nothing is an image.
        """
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                self._text(item)
            elif isinstance(item, dict):
                stack.extend(self._members(item, names=names))
            elif isinstance(item, list):
                others = item if names else [one for one in item if not _is_id(one)]
                self.ids += len(item) - len(others)
                stack.extend(others)
            elif item is not None and not isinstance(item, bool):
                self._number(str(item))

    def estimate(self) -> PromptEstimate:
        blobs = -(-self.blob_chars // BLOB_CHARS_PER_TOKEN)
        given = self.ids + blobs + self.low * IMAGE_TOKENS_LOW
        tokens, upper = _measure("\n".join(self.texts))
        large = self.images - self.low
        return PromptEstimate(
            gate_tokens=(self.gate_chars + self.blob_chars) // GATE_CHARS_PER_TOKEN
            + self.ids
            + self.images * IMAGE_TOKENS_GATE,
            tokens=tokens
            + given
            + large * IMAGE_TOKENS
            + self.messages * MESSAGE_TOKENS
            + (TEMPLATE_TOKENS if self.messages else 0),
            worst_tokens=upper
            + given
            + large * IMAGE_TOKENS_WORST
            + self.messages * MESSAGE_TOKENS_WORST
            + len(self.texts) * PART_TOKENS_WORST
            + TEMPLATE_TOKENS_WORST,
            images=self.images,
        )

    def _text(self, text: str) -> None:
        self.texts.append(text)
        self.gate_chars += len(text)

    def _number(self, text: str) -> None:
        if len(text) > _NUMBER_CHARS:
            self._text(text)
        else:
            self.texts.append(text)

    def _members(self, item: dict[str, object], *, names: bool) -> Iterator[object]:
        kind = item.get("type")
        image = not names and isinstance(kind, str) and kind in _IMAGE_TYPES
        if image:
            self.images += 1
            payload = item.get("image_url")
            holder = payload if isinstance(payload, dict) else item
            self.low += holder.get("detail") == "low"
        for name, value in item.items():
            if names:
                self._text(name)
            if image and name in _IMAGE_PAYLOAD:
                continue
            if not names and name in _ARGUMENTS and isinstance(value, _CONTAINERS):
                self.read(value, names=True)
            elif not names and name in _BLOB_KEYS and isinstance(value, str):
                self.blob_chars += len(value)
            elif names or name != "type":
                yield value


def _is_id(one: object) -> bool:
    return type(one) is int and 0 <= one < _ID_END


def _measure(text: str) -> tuple[int, int]:
    """Tokens of a text, and an upper estimate for other vocabularies, never below."""
    tokens = _count(text) if len(text) <= EXACT_CHARS else _sample(text)
    ascii_only = text.encode("ascii", "ignore")
    foreign = 0
    if len(ascii_only) != len(text):
        foreign = len(text.encode("utf-8", "surrogatepass")) - len(ascii_only)
    digits = len(ascii_only) - len(ascii_only.translate(None, _DIGITS))
    return tokens, -(-tokens * 7 // 5) + -(-foreign // 3) + -(-digits * 2 // 3)


def _sample(text: str) -> int:
    """Count a window in each of equal stretches of a long text.

    A digest of the text itself places the windows, so that nobody hides dense text between them.
    """
    digest = blake2b(text.encode("utf-8", "surrogatepass")).digest()
    stretch = len(text) // SAMPLES
    counted = 0
    for number in range(SAMPLES):
        place = int.from_bytes(digest[2 * number : 2 * number + 2])
        start = number * stretch + (place * (stretch - SAMPLE_CHARS) >> 16)
        counted += _count(text[start : start + SAMPLE_CHARS])
    return -(-counted * len(text) // (SAMPLES * SAMPLE_CHARS))


def _count(text: str) -> int:
    count = _counter()
    try:
        return count(text)
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return count(text.encode("utf-8", "replace").decode())


@cache
def _counter() -> Callable[[str], int]:
    spec = _package()
    if spec.loader is None:
        raise ImportError("bpe_openai is not installed")
    bindings = module_from_spec(spec)
    spec.loader.exec_module(bindings)
    count: Callable[[str], int] = bindings.tokenizer_for_encoding("o200k_base").count
    return count


@cache
def _package() -> ModuleSpec:
    # only the package's extension, which carries the vocabulary: importing the package itself
    # takes 0.7 s and 80 MB more, for tables that counting does not need
    package = find_spec("bpe_openai")
    locations = None if package is None else package.submodule_search_locations
    spec = PathFinder.find_spec("bpe_openai._bindings", locations)
    if spec is None:
        raise ImportError("bpe_openai is not installed")
    return spec
