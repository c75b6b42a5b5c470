"""What the admin API takes and tells of models and providers at work. Prices are USD, as text."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field, StrictBool

from routstr.admin.schemas import Asked, Done
from routstr.admin.selling.providers import Health, Probe, Shown
from routstr.admin.selling.shown import Formula, Row
from routstr.admin.selling.trial import Kind, Tried
from routstr.catalog.models_file import ModelSpec
from routstr.catalog.overrides import Entry
from routstr.core.secret import Secret

Price = Decimal | dict[str, Decimal] | None


class ModelChange(Asked):
    """What is to be different of a model; what is absent stays, null takes a change back."""

    name: str | None = None
    description: str | None = None
    created: int | None = None
    context_length: int | None = None
    architecture: dict[str, Any] | None = None
    pricing: dict[str, Price] | None = Field(None, description="USD per unit, before any fee")
    per_request_limits: dict[str, Any] | None = None
    top_provider: dict[str, Any] | None = None
    canonical_slug: str | None = None
    alias_ids: list[str] | None = None
    enabled: StrictBool | None = None
    forwarded_model_id: str | None = None
    free: StrictBool | None = Field(None, description="it costs nothing, on purpose")
    fixed: dict[str, Decimal] | None = Field(
        None, description="in sat: request, input_per_1k, output_per_1k"
    )
    base_msats: int | None = Field(None, description="per request, on top of its tokens")
    provider_fee: Decimal | None = Field(None, description="factor, instead of the provider's")
    pricing_rule: str | None = None

    def entry(self, **more: object) -> Entry:
        """The fields that were said, in the words of the catalog."""
        return {**self.model_dump(exclude_unset=True), **more}


class ModelCreate(ModelChange):
    """What is said of a model, instead of what was said before."""

    id: str = Field(description="as the provider's list has it")


class Batch(Asked):
    """Several models of one provider."""

    models: list[ModelCreate]


class BatchAnswer(Done):
    """How many models were changed."""

    count: int
    message: str


class Deleted(Done):
    """The model whose changes are taken back."""

    deleted_id: str


class DeletedMany(Done):
    """How many models are as they were."""

    deleted: int


class PriceLine(BaseModel):
    """One price: the provider's and the clients' in USD, and what one unit is charged."""

    name: str
    per: int = Field(description="of how many units the prices in USD are")
    own_usd: str | None
    client_usd: str | None
    msat: str | None = Field(description="per unit")


class ModelAnswer(BaseModel):
    """A model at a provider. Its formula: own_usd * exchange_fee * provider_fee * msat_per_usd."""

    id: str
    provider: str
    sold_as: str
    state: str = Field(description="sold, spare, off, unpriced, waiting, unfit")
    problem: str
    place: int = Field(description="who is asked first is 1; 0: it is not sold")
    others: list[str]
    changed: bool = Field(description="something is stored of it")
    rule: str
    exchange_fee: str
    provider_fee: str
    usd_per_btc: str | None
    min_request_msats: int
    prices: list[PriceLine]
    model: dict[str, Any] = Field(description="as a models file has it")

    @classmethod
    def of(cls, row: Row, formula: Formula) -> "ModelAnswer":
        """A row with its formula."""
        return cls(
            id=row.id,
            provider=row.provider,
            sold_as=row.sold_as,
            state=row.state.value,
            problem=row.stocked.problem,
            place=row.place,
            others=list(row.others),
            changed=row.stocked.stored,
            rule=formula.rule,
            exchange_fee=_plain(formula.exchange_fee),
            provider_fee=_plain(formula.provider_fee),
            usd_per_btc=_text(formula.usd_per_btc),
            min_request_msats=formula.least_msat,
            prices=[
                PriceLine(
                    name=line.name,
                    per=line.per,
                    own_usd=_text(line.own),
                    client_usd=_text(line.client),
                    msat=_text(line.msat),
                )
                for line in formula.lines
            ],
            model=_spec(row.stocked.spec),
        )


class ModelPage(BaseModel):
    """Models by name."""

    models: list[ModelAnswer]
    total: int
    page: int
    pages: int


class ProviderModels(BaseModel):
    """All models of a provider: those that the operator has changed, and all as others have them.

    ``db_models`` are as they count now, ``remote_models`` as the file and the lists have them.
    """

    provider: str
    db_models: list[dict[str, Any]]
    remote_models: list[dict[str, Any]]

    @classmethod
    def of(cls, provider: str, rows: Sequence[Row]) -> "ProviderModels":
        """All rows of one provider."""
        stock = [row.stocked for row in rows]
        return cls(
            provider=provider,
            db_models=[_spec(one.spec) for one in stock if one.stored],
            remote_models=[_spec(one.base) for one in stock if one.base is not None],
        )


class ModelTest(Asked):
    """A question to a model, at the operator's cost."""

    model_id: str
    endpoint_type: Kind = "chat-completions"
    request_data: dict[str, Any]
    provider: str | None = Field(None, description="slug or id; default: who serves it to clients")


class TrialAnswer(BaseModel):
    """What came of it. Costs in msat: what the provider takes, what a client would have paid."""

    success: bool
    data: Any = None
    error: str | None = None
    status_code: int
    provider: str
    seconds: float
    cost_msats: int | None
    price_msats: int | None

    @classmethod
    def of(cls, provider: str, tried: Tried) -> "TrialAnswer":
        """What was tried."""
        return cls(
            success=tried.worked,
            data=tried.data,
            error=tried.problem or None,
            status_code=tried.status,
            provider=provider,
            seconds=round(tried.seconds, 3),
            cost_msats=tried.cost,
            price_msats=tried.price,
        )


class KeyAnswer(BaseModel):
    """A key by its number; the key itself is never told."""

    number: int
    resting_seconds: int
    refused: bool


class HealthAnswer(BaseModel):
    """How a provider has fared with the process that answers. Earnings of thirty days, in msat."""

    provider: str
    connected: bool
    state: Literal["closed", "open", "half-open"]
    since: int | None = Field(description="left alone since, Unix time")
    resting_seconds: int
    failures_in_a_row: int
    answered: int
    failed: int
    last_failure: str | None
    p50_seconds: float | None
    keys: list[KeyAnswer]
    models: int
    requests: int
    revenue_msats: int
    cost_msats: int
    version: int | None = Field(description="to be named when a key is removed")

    @classmethod
    def of(cls, shown: Shown) -> "HealthAnswer":
        """A provider at work."""
        health: Health = shown.health
        p50 = health.p50_seconds
        return cls(
            provider=shown.provider.slug,
            connected=health.connected,
            state=health.state,
            since=None if health.since is None else health.since // 1_000,
            resting_seconds=health.resting_seconds,
            failures_in_a_row=health.failures_in_a_row,
            answered=health.answered,
            failed=health.failed,
            last_failure=health.last_failure,
            p50_seconds=None if p50 is None else round(p50, 3),
            keys=[KeyAnswer(**msgspec.structs.asdict(key)) for key in health.keys],
            models=shown.models,
            requests=shown.usage.requests,
            revenue_msats=shown.usage.revenue,
            cost_msats=shown.usage.own_cost,
            version=shown.version,
        )


class NewProviderKey(Asked):
    """Another key of a provider."""

    api_key: Secret


class KeyTest(TrialAnswer):
    """What one key brought."""

    number: int


class ProbeAnswer(BaseModel):
    """A provider's list, and a word with one of its models by each key (five at most)."""

    reachable: bool
    error: str | None
    models: int | None
    model: str
    keys: list[KeyTest]

    @classmethod
    def of(cls, provider: str, probe: Probe) -> "ProbeAnswer":
        """What was seen."""
        listed = probe.listed
        return cls(
            reachable=listed.worked or listed.status > 0,
            error=listed.problem or None,
            models=probe.models,
            model=probe.model,
            keys=[
                KeyTest(number=key.number, **TrialAnswer.of(provider, key.tried).model_dump())
                for key in probe.keys
            ],
        )


def _spec(spec: ModelSpec) -> dict[str, Any]:
    told: Mapping[str, Any] = msgspec.to_builtins(spec)
    prices = {name: price for name, price in told["pricing"].items() if price is not None}
    return {**told, "pricing": prices}


def _plain(number: Decimal) -> str:
    return f"{number:f}"


def _text(number: Decimal | None) -> str | None:
    if number is None:
        return None
    plain = _plain(number)
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
