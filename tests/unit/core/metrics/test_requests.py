from typing import Any

import pytest

from routstr.core.access_log import AccessRecord
from routstr.core.metrics import requests
from routstr.core.metrics.meters import Meters
from routstr.core.metrics.requests import RequestMeter

CODES = frozenset({"insufficient_balance"})


def record(status: int = 200, **more: Any) -> AccessRecord:
    return AccessRecord("r", "/v1/x", status, **{"duration_ms": 20.0, **more})


def counted(*records: AccessRecord) -> dict[tuple[str, ...], list[int]]:
    meters = Meters()
    meter = RequestMeter(meters, CODES)
    for one in records:
        meter.count(one)
    return {
        (name.removeprefix("routstr_"), *labels): cell
        for (name, labels), cell in meters.cells.items()
    }


def test_a_paid_request_is_counted_with_tokens_money_and_times() -> None:
    one = record(
        model="m", provider="p", input_tokens=7, output_tokens=5, cost_msat=90,
        first_byte_ms=6.0, upstream_ms=18.5,
    )  # fmt: skip
    found = counted(one, one)
    assert found["http_requests_total", "POST", "/v1/x", "2xx", ""] == [2]
    assert found["requests_total", "/v1/x", "m", "p", "2xx"] == [2]
    assert found["tokens_total", "/v1/x", "m", "p", "input"] == [14]
    assert found["tokens_total", "/v1/x", "m", "p", "output"] == [10]
    assert found["charged_msat_total", "/v1/x", "m", "p"] == [180]
    assert found["http_request_duration_seconds", "/v1/x"][-1] == 40_000
    assert found["http_first_byte_seconds", "/v1/x"][1] == 2
    assert found["overhead_seconds", "/v1/x"][-1] == 3_000
    assert found["overhead_seconds", "/v1/x"][2] == 2


def test_a_refused_request_has_no_times_and_no_tokens() -> None:
    found = counted(record(402, error="insufficient_balance", model="m"))
    assert found == {
        ("http_requests_total", "POST", "/v1/x", "4xx", "insufficient_balance"): [1],
        ("requests_total", "/v1/x", "m", "", "4xx"): [1],
    }


def test_other_routes_are_counted_without_a_model() -> None:
    found = counted(record(method="GET"))
    assert set(found) == {
        ("http_requests_total", "GET", "/v1/x", "2xx", ""),
        ("http_request_duration_seconds", "/v1/x"),
    }


def test_what_others_write_is_no_label() -> None:
    found = counted(record(500, error="a word of a provider", method="BREW"))
    assert found == {("http_requests_total", "other", "/v1/x", "5xx", "other"): [1]}


def test_words_without_end_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "REMEMBERED_MAX", 20)
    meters = Meters()
    meter = RequestMeter(meters, CODES)
    for number in range(50):
        meter.count(record(500, error=str(number)))
    assert len(meters.cells) == 1
    assert len(meter._known) <= 20
    assert sum(cell[0] for cell in meters.cells.values()) == 50
