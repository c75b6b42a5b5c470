from routstr.core.access_log import AccessRecord
from routstr.core.metrics.telemetry import MeteredLines, Telemetry


class Lines:
    def __init__(self) -> None:
        self.written: list[AccessRecord] = []

    def write(self, record: AccessRecord) -> None:
        self.written.append(record)


def test_every_part_counts_its_own() -> None:
    telemetry = Telemetry(frozenset({"upstream_timeout"}))
    telemetry.committed(3, 0.004)
    telemetry.late(0.3)
    telemetry.failed_attempt("p", "upstream_timeout")
    telemetry.failed_attempt("p", "whatever it said")
    telemetry.mint_called("https://mint", "swap", "answered", 0.02)
    cells = telemetry.meters.cells
    assert cells["routstr_ledger_batch_operations", ()][2] == 1
    assert cells["routstr_ledger_commit_seconds", ()][-1] == 4_000
    assert cells["routstr_event_loop_lag_seconds", ()][-1] == 300_000
    assert cells["routstr_upstream_failures_total", ("p", "upstream_timeout")] == [1]
    assert cells["routstr_upstream_failures_total", ("p", "other")] == [1]
    assert cells["routstr_mint_calls_total", ("https://mint", "swap", "answered")] == [1]
    assert cells["routstr_mint_call_duration_seconds", ("https://mint",)][-1] == 20_000


def test_an_access_line_is_counted_and_written() -> None:
    telemetry, lines = Telemetry(frozenset()), Lines()
    one = AccessRecord("r", "/v1/info", 200, 1.0, "GET")
    MeteredLines(lines, telemetry).write(one)
    assert lines.written == [one]
    labels = ("GET", "/v1/info", "2xx", "")
    assert telemetry.meters.cells["routstr_http_requests_total", labels] == [1]
