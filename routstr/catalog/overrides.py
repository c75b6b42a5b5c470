"""What an operator stores about a model of a provider, over what the file and the lists say. Pure.

An entry has the fields of the models file (:class:`~routstr.catalog.models_file.ModelSpec`), those
that are to be different and no others. A price never becomes nothing by it, unless ``free`` is
said.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from routstr.catalog.models_file import ModelSpec, problems_of
from routstr.errors import ModelInvalid

ID_CHARS_MAX: Final = 256
ENTRY_BYTES_MAX: Final = 16 * 1024
ALIASES_MAX: Final = 50
ALIAS_CHARS_MAX: Final = 256

Entry = Mapping[str, Any]
"""The changed fields of a model, with its ``id`` as it is written."""

_NESTED: Final = ("pricing", "top_provider", "architecture")
_FIELDS: Final = frozenset(ModelSpec.__struct_fields__) - {"provider"}


def laid_over(base: ModelSpec, entry: Entry) -> ModelSpec:
    """A model with the fields of an entry; what the entry leaves out or has as null stays.

    Raises :class:`msgspec.ValidationError`.
    """
    merged = msgspec.to_builtins(base)
    for name, value in entry.items():
        if value is None:
            continue
        if name in _NESTED and isinstance(merged.get(name), dict) and isinstance(value, Mapping):
            given = {key: one for key, one in value.items() if one is not None}
            merged[name] = {**merged[name], **given}
        else:
            merged[name] = value
    return msgspec.convert(merged, ModelSpec)


def patched(entry: Entry, patch: Entry) -> dict[str, Any]:
    """An entry with other fields; null takes a field out of it."""
    both = {**entry, **patch}
    return {name: value for name, value in both.items() if value is not None}


def checked(base: ModelSpec | None, entry: Entry) -> ModelSpec:
    """The model as it becomes, if an operator may say this. Raises :class:`ModelInvalid`."""
    model_id = _checked_shape(entry)
    try:
        msgspec.convert(dict(entry), ModelSpec)
        model = laid_over(base or ModelSpec(id=model_id), {**entry, "id": model_id})
    except msgspec.ValidationError as error:
        reason, _, path = str(error).rpartition(" - at `$")
        raise _wrong(path.strip(".`"), reason or str(error)) from None
    for problem in problems_of(model, whole=model.enabled):
        field, _, reason = problem.partition(": ")
        raise _wrong(field, reason)
    for field in _given_away(base, model, entry):
        raise _wrong(field, 'a price of nothing is meant only with "free": true')
    _check_aliases(model.alias_ids or ())
    return model


def _checked_shape(entry: Entry) -> str:
    """The id of a model of which something is said that can be said."""
    model_id = entry.get("id")
    if not isinstance(model_id, str) or not 0 < len(model_id.strip().lower()) <= ID_CHARS_MAX:
        raise _wrong("id", f"a model has an id of up to {ID_CHARS_MAX} characters")
    if not model_id.isprintable():
        raise _wrong("id", "an id has visible characters only")
    for name in entry.keys() - _FIELDS:
        raise _wrong(name, "a model has no such field")
    if len(msgspec.json.encode(entry)) > ENTRY_BYTES_MAX:
        raise _wrong("id", "this is too much to say of one model")
    return model_id


def _check_aliases(aliases: Sequence[str]) -> None:
    if len(aliases) > ALIASES_MAX:
        raise _wrong("alias_ids", f"a model has at most {ALIASES_MAX} aliases")
    for alias in aliases:
        if not alias.strip() or len(alias) > ALIAS_CHARS_MAX or not alias.isprintable():
            raise _wrong("alias_ids", "an alias is a name of visible characters")


def _given_away(base: ModelSpec | None, model: ModelSpec, entry: Entry) -> Iterator[str]:
    """The fields by which something would cost nothing that had a price, or everything would."""
    if model.free:
        return
    said = entry.get("pricing") or {}
    for name in said:
        before = None if base is None else getattr(base.pricing, name, None)
        if before and not isinstance(before, dict) and getattr(model.pricing, name) == 0:
            yield f"pricing.{name}"
    if said and not any(map(_amount, msgspec.structs.astuple(model.pricing))):
        yield "pricing"
    fixed = model.fixed if entry.get("fixed") is not None else None
    if fixed is not None and not any(msgspec.structs.astuple(fixed)):
        yield "fixed"


def _amount(price: Decimal | Mapping[str, Decimal] | None) -> bool:
    """Whether a price is more than nothing."""
    return any(price.values()) if isinstance(price, Mapping) else bool(price)


def _wrong(field: str, reason: str) -> ModelInvalid:
    return ModelInvalid(f"{field}: {reason}.", details={"param": field})
