"""Lists of models that others publish: a provider's own, or OpenRouter's public one. Pure.

Three formats are one: OpenRouter's (USD as text), that of another Routstr node (USD as numbers,
its fees inside) and OpenAI's, which names models and nothing else; vLLM and Groq add the context.

What others write is not trusted. A model that cannot be read is left out, prices that are not
prices make it a model without any, and so does a price of nothing: only the operator gives models
away. Names beside the id are not taken: a provider does not choose what it is found by.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import UnionType
from typing import Any, Final, get_args, get_type_hints

import msgspec

from routstr.catalog.models_file import (
    ModelsFileError,
    ModelSpec,
    TopProvider,
    UsdPricing,
    is_price,
    read_items,
)
from routstr.catalog.names import last_part

MODELS_MAX: Final = 5_000
_ID_CHARS_MAX: Final = 256
_TEXT_CHARS_MAX: Final = 4_000
_CONTEXT_NAMES: Final = ("context_length", "max_model_len", "context_window")
_ARCHITECTURE: Final = ("modality", "tokenizer", "instruct_type")
_MODALITIES: Final = ("input_modalities", "output_modalities")
_DATE_DIGITS: Final = 8
_WHOLE_MAX: Final = 1 << 40


class ListUnusable(ValueError):
    """What was published is no list of models."""


def parse_list(text: bytes) -> tuple[ModelSpec, ...]:
    """The models that can be read, each id once; :class:`ListUnusable` for anything else."""
    try:
        items = read_items(text)
    except ModelsFileError as error:
        raise ListUnusable(str(error)) from error
    if len(items) > MODELS_MAX:
        raise ListUnusable(f"more than {MODELS_MAX} models")
    models: dict[str, ModelSpec] = {}
    for raw in items:
        model = _model(raw) if isinstance(raw, dict) else None
        if model is not None:
            models.setdefault(model.id.lower(), model)
    if not models:
        raise ListUnusable("no model in it can be read")
    return tuple(models.values())


class PriceIndex:
    """Finds what a public list says of a model that somebody else calls by another id.

    Tried in this order: the id itself; the one id of the list that is it behind a vendor's prefix;
    both again without a date at its end (``-20250514``, ``-2025-05-14``). Two ids that would fit
    equally well are none: the price would be a matter of luck.
    """

    __slots__ = ("_exact", "_short")

    def __init__(self, models: Iterable[ModelSpec]) -> None:
        self._exact: Final = {model.id.lower(): model for model in models}
        short: dict[str, list[ModelSpec]] = {}
        for name, model in self._exact.items():
            if last_part(name) != name:
                short.setdefault(last_part(name), []).append(model)
        self._short: Final = {name: one for name, (one, *more) in short.items() if not more}

    def find(self, model_id: str) -> ModelSpec | None:
        """The model that is meant, None when that cannot be told."""
        name = model_id.lower()
        undated = without_date(name)
        for wanted in (name,) if undated == name else (name, undated):
            found = self._exact.get(wanted) or self._short.get(wanted)
            if found is not None:
                return found
        return None


def without_date(name: str) -> str:
    """An id without a date at its end."""
    for dashes in (0, 2):
        cut = len(name) - _DATE_DIGITS - dashes - 1
        date = name[cut + 1 :]
        digits = date.replace("-", "")
        plain = digits.isascii() and digits.isdecimal() and len(digits) == _DATE_DIGITS
        parts = [len(part) for part in date.split("-")]
        if cut > 0 and name[cut] == "-" and plain and parts in ([8], [4, 2, 2]):
            return name[:cut]
    return name


def _model(raw: Mapping[str, Any]) -> ModelSpec | None:
    name = raw.get("id")
    if not isinstance(name, str) or not name.strip() or len(name) > _ID_CHARS_MAX:
        return None
    if not name.isprintable() or raw.get("enabled") is False:
        return None
    slug = raw.get("canonical_slug")
    return ModelSpec(
        id=name.strip(),
        name=_text(raw, "name"),
        created=_whole(raw.get("created")) or 0,
        description=_text(raw, "description"),
        context_length=next(filter(None, (_whole(raw.get(key)) for key in _CONTEXT_NAMES)), None),
        architecture=_architecture(raw.get("architecture")),
        pricing=_pricing(raw.get("pricing")),
        top_provider=_top_provider(raw.get("top_provider")),
        canonical_slug=slug if isinstance(slug, str) and len(slug) <= _ID_CHARS_MAX else None,
    )


def _pricing(raw: object) -> UsdPricing:
    """All prices or none: of a list with one wrong price the others are not believed either."""
    if not isinstance(raw, Mapping):
        return UsdPricing()
    found: dict[str, Decimal] = {}
    for field in _PRICES & raw.keys():
        if raw[field] is None:
            continue
        try:
            price = msgspec.convert(raw[field], Decimal)
        except msgspec.ValidationError:
            return UsdPricing()
        if not is_price(price):
            return UsdPricing()
        found[field] = price
    return UsdPricing(**found) if any(found.values()) else UsdPricing()


def _prices_of_one_number() -> frozenset[str]:
    hints = get_type_hints(UsdPricing).items()
    return frozenset(
        name for name, hint in hints if isinstance(hint, UnionType) and Decimal in get_args(hint)
    )


_PRICES: Final = _prices_of_one_number()


def _architecture(raw: object) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        return {}
    texts = {name: raw[name] for name in _ARCHITECTURE if isinstance(raw.get(name), str)}
    lists = {
        name: [one for one in raw[name] if isinstance(one, str)][:20]
        for name in _MODALITIES
        if isinstance(raw.get(name), list)
    }
    return texts | lists


def _top_provider(raw: object) -> TopProvider | None:
    if not isinstance(raw, Mapping):
        return None
    moderated = raw.get("is_moderated")
    return TopProvider(
        context_length=_whole(raw.get("context_length")),
        max_completion_tokens=_whole(raw.get("max_completion_tokens")),
        is_moderated=moderated if isinstance(moderated, bool) else None,
    )


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 < value <= _WHOLE_MAX else None


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    return value[:_TEXT_CHARS_MAX] if isinstance(value, str) else ""
