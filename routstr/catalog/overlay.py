"""What one provider sells: its own list, the public prices, and over both the operator's words.

The operator's file has its word over the lists, field by field: its entry is laid over the model of
the provider's list that has its ``forwarded_model_id`` or else its ``id``, and sells what no list
has, if it is whole. Over everything lies what the operator has stored for a model, found by its
``id`` (:mod:`routstr.catalog.overrides`).

Prices come from one list as a whole, never one number from here and one from there: the provider's
own if it has any, else the public list's. A model of a list that is called like one of the file, or
like a stored one, is not sold; two of a list with one name are sold under their full ids.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import msgspec

from routstr.catalog.models_file import ModelSpec, UsdPricing, problems_of
from routstr.catalog.names import advertised_id, last_part
from routstr.catalog.overrides import Entry, laid_over
from routstr.catalog.price_list import PriceIndex

_NO_PRICES: Final = PriceIndex(())
_NOTHING_STORED: Final[Mapping[str, Entry]] = MappingProxyType({})
_NAME_TAKEN: Final = "the models file gives its name to another"
_NAME_GIVEN: Final = "another model is sold under one of its names"


@dataclass(frozen=True, slots=True)
class Stocked:
    """One model of a provider, sold or not.

    ``spec`` is what counts; ``base`` is it without what the operator has stored (None: nobody else
    knows it); ``problem`` says why it cannot be sold, empty when it can.
    """

    spec: ModelSpec
    base: ModelSpec | None
    problem: str = ""
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Combined:
    """What can be sold, and for each other model why not; ``stock`` is both."""

    models: tuple[ModelSpec, ...]
    left_out: tuple[str, ...]
    stock: tuple[Stocked, ...] = ()


def combine(
    file: Sequence[Mapping[str, Any]],
    own: Sequence[ModelSpec] = (),
    public: PriceIndex = _NO_PRICES,
    stored: Mapping[str, Entry] = _NOTHING_STORED,
) -> Combined:
    """Lay the entries of the file over the provider's own list; prices are looked up in both.

    ``stored`` are the operator's changes by the lower-case id of the model.
    """
    rest = {model.id.lower(): model for model in own}
    filed = [_overlaid(entry, rest, public) for entry in file]
    for entry in file:
        rest.pop(_asked(entry), None)
    known = {model.id.lower() for model in filed} | rest.keys()
    fresh = [entry for name, entry in stored.items() if name not in known]
    stock = _named(
        [_stocked(model, stored) for model in filed],
        [_stocked(_filled(model, public), stored) for model in rest.values()],
        [_changed(None, entry) for entry in fresh],
    )
    return Combined(
        tuple(one.spec for one in stock if not one.problem),
        tuple(f"model {one.spec.id!r}: {one.problem}" for one in stock if one.problem),
        stock,
    )


def _stocked(base: ModelSpec, stored: Mapping[str, Entry]) -> Stocked:
    entry = stored.get(base.id.lower())
    return _checked(base, base) if entry is None else _changed(base, entry)


def _changed(base: ModelSpec | None, entry: Entry) -> Stocked:
    """A model with what is stored of it; not sold when that cannot be read any more."""
    model = base or ModelSpec(id=entry["id"])
    try:
        return _checked(laid_over(model, {**entry, "id": model.id}), base, stored=True)
    except msgspec.ValidationError as error:
        return Stocked(model, base, str(error), stored=True)


def _checked(model: ModelSpec, base: ModelSpec | None, *, stored: bool = False) -> Stocked:
    problems = list(problems_of(model)) if model.enabled else []
    return Stocked(model, base, "; ".join(problems), stored)


def _named(
    filed: Sequence[Stocked], listed: Sequence[Stocked], fresh: Sequence[Stocked]
) -> tuple[Stocked, ...]:
    """See that no name is given twice: to those of the file first, then to what is stored."""
    times = Counter(last_part(one.spec.id.lower()) for one in listed)
    taken: set[str] = set()
    found = {id(one): one for one in filed if not one.stored}
    for one in found.values():
        taken |= _claimed(one)
    theirs = frozenset(map(id, listed))
    for one in filter(_is_stored, (*filed, *fresh, *listed)):
        made = _own_name(one, times, taken) if id(one) in theirs else one
        if _claimed(made) & taken:
            made = replace(made, problem=_NAME_GIVEN)
        found[id(one)] = made
        taken |= _claimed(made)
    for one in listed:
        if not one.stored:
            made = _own_name(one, times, taken)
            if not made.problem and _exact_names(made.spec) & taken:
                made = replace(made, problem=_NAME_TAKEN)
            found[id(one)] = made
    return tuple(found[id(one)] for one in (*filed, *listed, *fresh))


def _is_stored(one: Stocked) -> bool:
    return one.stored


def _own_name(one: Stocked, times: Counter[str], taken: set[str]) -> Stocked:
    """A model of a list under its full id, where its last part would mean another one too."""
    short = last_part(one.spec.id).lower()
    if one.problem or one.spec.forwarded_model_id or (times[short] == 1 and short not in taken):
        return one
    spec = msgspec.structs.replace(one.spec, forwarded_model_id=one.spec.id)
    return replace(one, spec=spec)


def _exact_names(model: ModelSpec) -> set[str]:
    return {model.id.lower(), advertised_id(model).lower()}


def _claimed(one: Stocked) -> set[str]:
    """The names that nothing else is sold under."""
    if one.problem:
        return set()
    return _exact_names(one.spec) | {alias.lower() for alias in one.spec.alias_ids or ()}


def _overlaid(
    entry: Mapping[str, Any], own: Mapping[str, ModelSpec], public: PriceIndex
) -> ModelSpec:
    """One entry of the file over what the lists say."""
    asked = _asked(entry)
    return laid_over(_filled(own.get(asked) or ModelSpec(id=asked), public), entry)


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
