"""Sums of requests and revenue for everybody to see, when the operator wants that. Pure.

Kind 38422, schema ``routstr.analytics.snapshot.v1``: sums of the last day, per model and over four
windows. No key, no payer, no single request.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

from routstr.discovery.announcement import ANALYTICS, Facts, analytics_name
from routstr.discovery.events import Draft
from routstr.discovery.identity import Identity
from routstr.ledger.usage import DAY, HOUR, Figures, Group

SCHEMA: Final = "routstr.analytics.snapshot.v1"
TOP: Final = 20
_MSAT: Final = 1_000
_MINUTE_MS: Final = 60_000


class Span(Struct, frozen=True):
    """A window and its steps, both in ms."""

    name: str
    length: int
    step: int


WINDOWS: Final = (
    Span("24h", DAY, HOUR),
    Span("7d", 7 * DAY, 6 * HOUR),
    Span("30d", 30 * DAY, DAY),
    Span("3m", 90 * DAY, DAY),
    Span("1y", 365 * DAY, 7 * DAY),
)


class Sums(Struct, frozen=True):
    """What is published: ``steps`` of each window by their start (ms), ``models`` of the day."""

    since: int
    until: int
    models: Mapping[str, Figures]
    steps: Mapping[str, Mapping[int, Figures]]


def snapshot(
    facts: Facts, provider: str, me: Identity, sums: Sums, now_ms: int
) -> tuple[Draft, str]:
    """The event, and the digest of what it says but for its moment: the same, nothing changed."""
    ordered = sorted(sums.models.items(), key=lambda one: (-one[1].revenue, one[0]))
    top, others = ordered[:TOP], ordered[TOP:]
    total = _add([figures for _, figures in ordered])
    said = {
        "schema": SCHEMA,
        "provider_id": provider,
        "pubkey": me.pubkey,
        "npub": me.npub,
        "endpoint_urls": facts.urls,
        "window_hours": 24,
        "interval_minutes": 60,
        "summary": _summary(total),
        "model_usage_mix": [_share(name, one, total) for name, one in top],
        "top_model_usage": [{"model": name, **_summary(one)} for name, one in top],
        "others_usage": _summary(_add([figures for _, figures in others])),
        "windows": {span.name: _window(span, sums) for span in WINDOWS},
    }
    digest = hashlib.sha256(msgspec.json.encode(said)).hexdigest()
    content = msgspec.json.encode({**said, "generated_at": _moment(now_ms)}).decode()
    tags = (("d", analytics_name(provider)), ("provider", provider), ("schema", SCHEMA))
    return Draft(ANALYTICS, tags, content), digest


def by_step(found: Mapping[Group, Figures], step: int) -> dict[int, Figures]:
    """Figures of finer spans, added up into steps."""
    sums: dict[int, Figures] = {}
    for group, figures in found.items():
        start = group.start // step * step
        sums[start] = sums.get(start, Figures()) + figures
    return sums


def _add(figures: Sequence[Figures]) -> Figures:
    return sum(figures, Figures())


def _summary(one: Figures) -> dict[str, object]:
    tokens = one.prompt_tokens + one.completion_tokens
    return {
        "requests": one.requests,
        "successful_requests": one.requests,
        "prompt_tokens": one.prompt_tokens,
        "completion_tokens": one.completion_tokens,
        "total_tokens": tokens,
        "revenue_msats": int(one.revenue),
        "refunds_msats": 0,
        "net_revenue_msats": int(one.revenue),
        "revenue_sats": int(one.revenue) // _MSAT,
        "net_revenue_sats": int(one.revenue) // _MSAT,
    }


def _share(name: str, one: Figures, total: Figures) -> dict[str, object]:
    return {
        "model": name,
        "requests": one.requests,
        "share_percent": round(100 * one.requests / total.requests, 2) if total.requests else 0,
    }


def _window(span: Span, sums: Sums) -> dict[str, object]:
    steps = sums.steps.get(span.name, {})
    return {
        "interval_minutes": span.step // _MINUTE_MS,
        "points": [
            {"start": _moment(start), **_summary(figures)}
            for start, figures in sorted(steps.items())
        ],
    }


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="seconds")
