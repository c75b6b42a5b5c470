"""What one provider sells: its own list, the public prices, and over both the operator's file.

The file has the last word, field by field: its entry is laid over the model of the provider's list
that has its ``forwarded_model_id`` or else its ``id``, and sells what no list has, if it is whole.
Prices come from one list as a whole, never one number from here and one from there: the provider's
own if it has any, else the public list's. A model of a list that is called like one of the file is
not sold; two of a list with one name are sold under their full ids.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from routstr.catalog.models_file import ModelSpec, UsdPricing, problems_of
from routstr.catalog.names import advertised_id, last_part
from routstr.catalog.price_list import PriceIndex

_NESTED: Final = ("pricing", "top_provider", "architecture")
_NO_PRICES: Final = PriceIndex(())


@dataclass(frozen=True, slots=True)
class Combined:
    """What can be sold, and for each other model why not."""

    models: tuple[ModelSpec, ...]
    left_out: tuple[str, ...]


def combine(
    file: Sequence[Mapping[str, Any]],
    own: Sequence[ModelSpec] = (),
    public: PriceIndex = _NO_PRICES,
) -> Combined:
    """Lay the entries of the file over the provider's own list; prices are looked up in both."""
    rest = {model.id.lower(): model for model in own}
    left_out: list[str] = []
    models = list(_whole((_overlaid(entry, rest, public) for entry in file), left_out))
    for entry in file:
        rest.pop(_asked(entry), None)
    taken = {name.lower() for model in models for name in (advertised_id(model), model.id)}
    taken |= {alias.lower() for model in models for alias in model.alias_ids or ()}
    times = Counter(last_part(name) for name in rest)
    for model in _whole((_filled(model, public) for model in rest.values()), left_out):
        short = last_part(model.id).lower()
        if times[short] > 1 or short in taken:
            model = msgspec.structs.replace(model, forwarded_model_id=model.id)  # noqa: PLW2901
        if {model.id.lower(), advertised_id(model).lower()} & taken:
            left_out.append(f"model {model.id!r}: the models file gives its name to another")
        else:
            models.append(model)
    return Combined(tuple(models), tuple(left_out))


def _overlaid(
    entry: Mapping[str, Any], own: Mapping[str, ModelSpec], public: PriceIndex
) -> ModelSpec:
    """One entry of the file over what the lists say."""
    asked = _asked(entry)
    base = _filled(own.get(asked) or ModelSpec(id=asked), public)
    merged = msgspec.to_builtins(base)
    for name, value in entry.items():
        if value is None:
            continue
        if name in _NESTED and isinstance(merged.get(name), dict):
            given = {key: one for key, one in value.items() if one is not None}
            merged[name] = {**merged[name], **given}
        else:
            merged[name] = value
    return msgspec.convert(merged, ModelSpec)


def _asked(entry: Mapping[str, Any]) -> str:
    """What the provider calls the model of an entry, in lower case."""
    asked: str = entry.get("forwarded_model_id") or entry["id"]
    return asked.lower()


def _filled(model: ModelSpec, public: PriceIndex) -> ModelSpec:
    """A model with what its own list does not say of it."""
    known = public.find(model.id)
    if known is None:
        return model
    return msgspec.structs.replace(
        model,
        pricing=known.pricing if model.pricing == UsdPricing() else model.pricing,
        name=model.name or known.name,
        created=model.created or known.created,
        description=model.description or known.description,
        architecture=model.architecture or known.architecture,
        context_length=model.context_length or known.context_tokens or None,
        top_provider=model.top_provider or (None if model.context_length else known.top_provider),
        canonical_slug=model.canonical_slug or known.canonical_slug,
    )


def _whole(models: Iterable[ModelSpec], left_out: list[str]) -> Iterable[ModelSpec]:
    for model in models:
        problems = list(problems_of(model)) if model.enabled else []
        if problems:
            left_out.append(f"model {model.id!r}: {'; '.join(problems)}")
        else:
            yield model
