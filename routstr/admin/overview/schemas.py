"""What the admin API tells of earnings, requests, alerts and maintenance."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from routstr.admin.overview.statistics import Failure, Period
from routstr.ledger.usage import Figures, Group
from routstr.payment.alert_store import Alert

_SAT: int = 1_000


class Earned(BaseModel):
    """Sums of a time. Amounts in msat; the names in sats are the same, rounded down."""

    revenue_msats: int
    revenue_sats: int
    refunds_msats: int = Field(0, description="a refund is no revenue given back: always 0")
    refunds_sats: int = 0
    net_revenue_msats: int
    net_revenue_sats: int
    cost_msats: int = Field(description="what the providers take, by their own prices")
    margin_msats: int
    lost_msats: int = Field(description="served and not collected, by settlements that were late")
    paid_requests: int
    input_tokens: int
    output_tokens: int
    total_tokens: int


class Metric(Earned):
    """One span of time."""

    timestamp: int = Field(description="its start, Unix seconds")
    total_requests: int
    failed_requests: int


class Summary(Earned):
    """A whole time."""

    since: int = Field(description="Unix seconds")
    until: int
    total_requests: int
    successful_chat_completions: int = Field(description="requests that ended without an error")
    failed_requests: int
    success_rate: float = Field(description="percent")
    unique_models_count: int
    p50_ms: float | None = Field(description="time to the last byte of an answer")
    p95_ms: float | None
    first_byte_p50_ms: float | None
    first_byte_p95_ms: float | None
    complete: bool = Field(description="false while an older node's books are still added up")


class Metrics(BaseModel):
    """A time in steps."""

    interval_minutes: int
    hours: int
    metrics: list[Metric]


class ErrorDetail(BaseModel):
    """Requests that ended with one error."""

    endpoint: str
    status: int
    code: str
    count: int

    @classmethod
    def of(cls, one: Failure) -> "ErrorDetail":
        """A failure."""
        return cls(endpoint=one.endpoint, status=one.status, code=one.code, count=one.count)


class ErrorDetails(BaseModel):
    """The errors of a time, most frequent first."""

    errors: list[ErrorDetail]
    total_count: int


class ModelRevenue(Earned):
    """What one model brought. The empty name is what is no request's: child keys."""

    model: str
    requests: int


class RevenueByModel(BaseModel):
    """The models that brought most, first."""

    models: list[ModelRevenue]
    total_revenue_msats: int
    total_models: int


class Mix(BaseModel):
    """Which models were used in one span of time; ``others`` are those that are not among the top.

    Amounts in msat.
    """

    timestamp: int
    model_counts: dict[str, int]
    model_revenue_msats: dict[str, int]
    model_tokens: dict[str, int]
    others_count: int
    others_revenue_msats: int
    others_tokens: int


class ModelMix(BaseModel):
    """Use of models over a time."""

    top_models: list[str]
    metrics: list[Mix]


class Dashboard(BaseModel):
    """Everything about earnings and requests in one answer."""

    summary: Summary
    metrics: Metrics
    model_usage_mix: ModelMix
    revenue_by_model: RevenueByModel
    error_details: ErrorDetails


class MaintenanceChange(BaseModel):
    """Whether new deposits are refused from now on."""

    model_config = ConfigDict(extra="forbid")

    enabled: StrictBool


class MaintenanceAnswer(BaseModel):
    """Whether new deposits are refused, and since when."""

    enabled: bool
    since: int | None = Field(description="Unix time")

    @classmethod
    def of(cls, since: int | None) -> "MaintenanceAnswer":
        """The moment in ms since 1970, None when it is off."""
        return cls(enabled=since is not None, since=None if since is None else since // 1_000)


class AlertAnswer(BaseModel):
    """Something that is wrong."""

    name: str
    subject: str = Field(description="the mint, provider, task or folder; may be empty")
    since: int = Field(description="Unix time")
    facts: dict[str, object]

    @classmethod
    def of(cls, alert: Alert) -> "AlertAnswer":
        """An alert."""
        return cls(
            name=alert.name,
            subject=alert.subject,
            since=alert.since // 1_000,
            facts=dict(alert.facts),
        )


class AlertList(BaseModel):
    """What is wrong now, the newest first."""

    alerts: list[AlertAnswer]


class Dismissal(BaseModel):
    """An alert that the operator has dealt with."""

    model_config = ConfigDict(extra="forbid")

    name: str
    subject: str = ""
    ok: Literal[True] = True


def earned(figures: Figures) -> dict[str, int]:
    """The fields of :class:`Earned`."""
    revenue = int(figures.revenue)
    return {
        "revenue_msats": revenue,
        "revenue_sats": revenue // _SAT,
        "net_revenue_msats": revenue,
        "net_revenue_sats": revenue // _SAT,
        "cost_msats": figures.own_cost,
        "margin_msats": figures.margin,
        "lost_msats": figures.lost,
        "paid_requests": figures.requests,
        "input_tokens": figures.prompt_tokens,
        "output_tokens": figures.completion_tokens,
        "total_tokens": figures.prompt_tokens + figures.completion_tokens,
    }


def summary(period: Period, models: int) -> Summary:
    """A period, in which so many models were used."""
    requests = period.requests
    good = requests.total - requests.failed
    return Summary(
        **earned(period.figures),
        since=period.since // 1_000,
        until=period.until // 1_000,
        total_requests=requests.total,
        successful_chat_completions=good,
        failed_requests=requests.failed,
        success_rate=round(100 * good / requests.total, 2) if requests.total else 100.0,
        unique_models_count=models,
        p50_ms=requests.p50_ms,
        p95_ms=requests.p95_ms,
        first_byte_p50_ms=requests.first_byte_p50_ms,
        first_byte_p95_ms=requests.first_byte_p95_ms,
        complete=period.whole,
    )


def model_revenue(group: Group, figures: Figures) -> ModelRevenue:
    """What one model brought."""
    return ModelRevenue(**earned(figures), model=group.model, requests=figures.requests)
