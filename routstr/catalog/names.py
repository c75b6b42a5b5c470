"""Which names find a model.

Three tiers, compared without regard to case; a name of a higher tier always wins:

1. exact: the advertised id (``forwarded_model_id``, else the id without its vendor's prefix) and
   the id of the models file. Two models must not share one: the price would be a matter of luck.
2. ``alias_ids``. Two models must not share one either.
3. implied: ``canonical_slug``, and the last part of id, slug and forwarded id. One that fits two
   models finds neither.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol


class NameClash(ValueError):
    """Two models are sold under the same name."""


class Named(Protocol):
    """The naming fields of a model."""

    @property
    def id(self) -> str: ...
    @property
    def canonical_slug(self) -> str | None: ...
    @property
    def alias_ids(self) -> Sequence[str] | None: ...
    @property
    def forwarded_model_id(self) -> str | None: ...


def advertised_id(model: Named) -> str:
    """The id under which the model is sold."""
    return model.forwarded_model_id or last_part(model.id)


def last_part(name: str) -> str:
    """An id without its vendor's prefix."""
    return name.rpartition("/")[2] or name


def index_names(models: Sequence[Named]) -> dict[str, int]:
    """Map each lower-case name to the position of its model; raises :class:`NameClash`."""
    exact = _claim(models, [{advertised_id(model), model.id} for model in models])
    aliases = _claim(models, [set(model.alias_ids or ()) for model in models])
    return _implied(models) | aliases | exact


def _claim(models: Sequence[Named], names: Sequence[Iterable[str]]) -> dict[str, int]:
    claimed: dict[str, int] = {}
    for position, wanted in enumerate(names):
        for name in sorted(wanted):
            owner = claimed.setdefault(name.lower(), position)
            if owner != position:
                raise NameClash(
                    f"models {models[owner].id!r} and {models[position].id!r} would both be sold "
                    f"as {name!r}: set forwarded_model_id or alias_ids of one of them"
                )
    return claimed


def implied_names(model: Named) -> Iterator[str]:
    """The names of the third tier, as they are written."""
    slug = model.canonical_slug or ""
    names = (slug, last_part(slug), last_part(model.id), last_part(advertised_id(model)))
    return filter(None, names)


def _implied(models: Sequence[Named]) -> dict[str, int]:
    owners: dict[str, set[int]] = {}
    for position, model in enumerate(models):
        for name in implied_names(model):
            owners.setdefault(name.lower(), set()).add(position)
    return {name: min(found) for name, found in owners.items() if len(found) == 1}
