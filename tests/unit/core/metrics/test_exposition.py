from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from routstr.core.metrics.exposition import Page, Point, write
from routstr.core.metrics.family import counter, gauge, seconds

CALLS = counter("calls_total", "Calls.", "who")
OPEN = gauge("open", "Open.", "kind")
TIME = seconds("time_seconds", "Time.", (0.001, 0.01))
NEVER = counter("never_total", "Never.", "who")
ALWAYS = counter("always_total", "Always.")


def page() -> Page:
    sums = {("calls_total", ('a"b\n',)): [3], ("time_seconds", ()): [1, 2, 4, 1_500_000]}
    return Page((CALLS, OPEN, TIME, NEVER, ALWAYS), [Point(OPEN, ("x",), 1.5)], sums)


def test_what_is_written_is_read_by_prometheus() -> None:
    body, kind = write(page(), "")
    assert kind.startswith("text/plain; version=")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in plain(body.decode())
        for sample in family.samples
    }
    assert found == {
        ("calls_total", 'a"b\n'): 3,
        ("open", "x"): 1.5,
        ("time_seconds_bucket", "0.001"): 1,
        ("time_seconds_bucket", "0.01"): 3,
        ("time_seconds_bucket", "+Inf"): 7,
        ("time_seconds_count",): 7,
        ("time_seconds_sum",): 1.5,
        ("always_total",): 0,
    }


def test_openmetrics_is_written_for_whoever_asks() -> None:
    body, kind = write(page(), "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text")
    assert [family.name for family in open_metrics(body.decode())] == [  # type: ignore[no-untyped-call]
        "calls", "open", "time_seconds", "always",
    ]  # fmt: skip
