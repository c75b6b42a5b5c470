"""What an operator does with models: look, search, change, change many, take changes back, try."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from msgspec import Struct

from routstr.admin.selling.servers import Servers
from routstr.admin.selling.shown import Formula, Row, State, formula_of, row_of
from routstr.admin.selling.trial import Kind, Trial, Tried
from routstr.catalog.models_file import ModelSpec
from routstr.catalog.names import advertised_id
from routstr.catalog.overlay import Stocked
from routstr.catalog.override_store import Alteration, Overrides
from routstr.catalog.overrides import Entry, checked, patched
from routstr.catalog.service import Catalog
from routstr.catalog.snapshot import Snapshot
from routstr.errors import ModelInvalid, PriceUnavailable, UnknownModel
from routstr.payment.price_lists import PriceLists

PAGE: Final = 50
BATCH_MAX: Final = 1_000

Which = Literal["all", "sold", "off", "changed", "not_sold"]
Whiches: Final[tuple[Which, ...]] = ("all", "sold", "off", "changed", "not_sold")
_SOLD: Final = frozenset({State.SOLD, State.SPARE, State.WAITING})


class Found(Struct, frozen=True):
    """One page of models, and how many there are of them in all."""

    rows: list[Row]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class ModelDesk:
    """``look`` makes this instance sell by a change at once; others follow within seconds."""

    catalog: Catalog
    lists: PriceLists
    overrides: Overrides
    servers: Servers
    trial: Trial
    look: Callable[[], Awaitable[None]]

    def snapshot(self) -> Snapshot | None:
        """What is sold; None without a price of bitcoin."""
        try:
            return self.catalog.current()
        except PriceUnavailable:
            return None

    def find(
        self, search: str = "", which: Which = "all", provider: str = "", page: int = 1
    ) -> Found:
        """Models of all providers, by name, ``PAGE`` at a time."""
        rows = sorted(
            (row for row in self._rows(provider, search.strip().lower()) if _is(row, which)),
            key=lambda row: (row.sold_as.lower(), row.place or 1_000, row.provider),
        )
        pages = max(1, -(-len(rows) // PAGE))
        page = min(max(page, 1), pages)
        return Found(rows[(page - 1) * PAGE : page * PAGE], len(rows), page, pages)

    def one(self, provider: str, model: str) -> Row:
        """A model at a provider, by its id. Raises :class:`UnknownModel`."""
        found = self._stocked(provider, model)
        if found is None:
            raise UnknownModel(f"Provider {provider!r} has no model {model!r}.")
        return row_of(provider, found, self.snapshot())

    def formula(self, row: Row) -> Formula:
        """How the prices of a model come about."""
        fees = {source.provider: source.fee for source in self.catalog.sources}
        policy = self.catalog.policy
        fee = fees.get(row.provider, policy.provider_fee)
        return formula_of(row, policy, fee, self.catalog.usd_per_btc)

    async def stored(self, provider: str) -> Mapping[str, Entry]:
        """What is stored of a provider's models, by their lower-case ids."""
        _, entries = await self.overrides.every()
        return entries.get(await self.servers.id_of(provider), {})

    async def change(
        self, provider: str, patches: Sequence[Entry], *, whole: bool = False
    ) -> list[Row]:
        """Store what is to be different, each with the ``id`` of its model; all or none.

        ``whole``: instead of what was stored of it, else field by field, null takes one back.
        Raises :class:`ModelInvalid` and ``ProviderNotFound``.
        """
        number, before = await self.servers.id_of(provider), await self.stored(provider)
        if len(patches) > BATCH_MAX:
            raise ModelInvalid(f"At most {BATCH_MAX} models can be changed at once.")
        alterations: list[Alteration] = []
        for patch in patches:
            known = self._stocked(provider, str(patch.get("id", "")))
            base = None if known is None else known.base
            name = base.id if base is not None else str(patch.get("id", "")).strip()
            said = {} if whole else before.get(name.lower(), {})
            entry = {**patched(said, patch), "id": name}
            self._check_names(provider, checked(base, entry))
            alterations.append(Alteration(number, name, {**patch, "id": name}, whole))
        await self.overrides.alter(alterations)
        await self.look()
        return [self.one(provider, one.model) for one in alterations if self._known(provider, one)]

    async def take_back(self, provider: str, model: str | None = None) -> int:
        """Forget what is stored of one model or of all of a provider's; tell of how many."""
        gone = await self.overrides.forget(await self.servers.id_of(provider), model)
        if model is not None and not gone:
            raise UnknownModel(f"Nothing is stored of {model!r}.")
        await self.look()
        return gone

    async def change_many(self, chosen: Sequence[tuple[str, str]], patch: Entry) -> int:
        """The same change of many models, given as pairs of provider and model; tell how many."""
        by_provider: dict[str, list[Entry]] = {}
        for provider, model in chosen:
            by_provider.setdefault(provider, []).append({**patch, "id": model})
        for provider, patches in by_provider.items():
            for one in patches:
                self.one(provider, one["id"])
            await self.change(provider, patches)
        return len(chosen)

    async def take_back_many(self, chosen: Sequence[tuple[str, str]]) -> int:
        """Sell these as file and lists have them; tell of how many something was stored."""
        gone = 0
        for provider, model in chosen:
            gone += await self.overrides.forget(await self.servers.id_of(provider), model)
        await self.look()
        return gone

    async def test(
        self, row: Row, kind: Kind = "chat-completions", question: Mapping[str, Any] | None = None
    ) -> Tried:
        """Ask a model at its provider something small, at the operator's cost."""
        spec = row.stocked.spec
        profile = await self.servers.profile(row.provider)
        asked = spec.forwarded_model_id or spec.id
        return await self.trial.ask(profile, asked, kind, question, entry=row.entry)

    def serving(self, model: str) -> Row:
        """The model that clients get under a name, sold or not. Raises :class:`UnknownModel`."""
        snapshot = self.snapshot()
        entry = None if snapshot is None else snapshot.find(model)
        sought = model.lower()
        for row in self._rows("", ""):
            if entry is not None and row.entry is entry:
                return row
            if entry is None and sought in {row.id.lower(), row.sold_as.lower()}:
                return row
        raise UnknownModel(f"There is no model {model!r}.")

    def all_of(self, provider: str) -> list[Row]:
        """All models of one provider."""
        return list(self._rows(provider, ""))

    def _rows(self, provider: str, search: str) -> Iterator[Row]:
        snapshot = self.snapshot()
        for name, stock in self.lists.stock.items():
            if provider in {"", name}:
                for one in stock:
                    if not search or search in _words(one):
                        yield row_of(name, one, snapshot)

    def _stocked(self, provider: str, model: str) -> Stocked | None:
        sought = model.strip().lower()
        for one in self.lists.stock.get(provider, ()):
            if one.spec.id.lower() == sought:
                return one
        return None

    def _known(self, provider: str, one: Alteration) -> bool:
        return self._stocked(provider, one.model) is not None

    def _check_names(self, provider: str, model: ModelSpec) -> None:
        """Refuse an alias that is the name of another model of this provider."""
        wanted = {alias.lower() for alias in model.alias_ids or ()}
        for one in self.lists.stock.get(provider, ()) if wanted else ():
            spec = one.spec
            names = {spec.id, advertised_id(spec), *(spec.alias_ids or ())}
            if spec.id.lower() != model.id.lower() and wanted & {name.lower() for name in names}:
                raise ModelInvalid(
                    f"alias_ids: {spec.id!r} is called that already.",
                    details={"param": "alias_ids"},
                )


def _is(row: Row, which: Which) -> bool:
    match which:
        case "all":
            return True
        case "sold":
            return row.state in _SOLD
        case "off":
            return row.state is State.OFF
        case "changed":
            return row.stocked.stored
        case "not_sold":
            return row.state not in _SOLD


def _words(one: Stocked) -> str:
    """What a search looks at."""
    spec = one.spec
    return " ".join((spec.id, spec.name, advertised_id(spec), *(spec.alias_ids or ()))).lower()
