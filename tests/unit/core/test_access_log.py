import io
import json

from routstr.core.access_log import AccessLine, AccessLog, AccessRecord
from routstr.core.clock import ManualClock
from routstr.core.log_writer import Console, LogWriter
from routstr.core.secret import MASK
from routstr.money import Msat


def written(*records: AccessRecord) -> list[dict[str, object]]:
    stream = io.StringIO()
    writer = LogWriter(None, Console(stream, text=False))
    log = AccessLog(writer, ManualClock(1_700_000_000_007))
    for record in records:
        log.write(record)
    writer.start()
    assert writer.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_paid_request_is_one_line_with_everything_an_operator_asks_for() -> None:
    record = AccessRecord(
        "9f5b0a52-1f3e-4a55-9d80-aef03a6e3c11",
        endpoint="/v1/chat/completions",
        status=200,
        duration_ms=12.345678,
        key_id="k_1",
        model="m",
        input_tokens=10,
        output_tokens=0,
        cost_msat=Msat(1_234),
        response_bytes=99,
    )

    assert written(record) == [
        {
            "timestamp": "2023-11-14T22:13:20.007Z",
            "level": "info",
            "event": "api_request",
            "logger": "routstr.access",
            "request_id": "9f5b0a52-1f3e-4a55-9d80-aef03a6e3c11",
            "endpoint": "/v1/chat/completions",
            "status": 200,
            "duration_ms": 12.346,
            "method": "POST",
            "key_id": "k_1",
            "model": "m",
            "input_tokens": 10,
            "output_tokens": 0,
            "cost_msat": 1_234,
            "response_bytes": 99,
        }
    ]


def test_no_field_of_a_record_is_forgotten_in_its_line() -> None:
    head = ("timestamp", "level", "event", "logger")
    assert AccessLine.__struct_fields__ == (*head, *AccessRecord.__struct_fields__, "worker")


def test_what_is_not_known_is_left_out() -> None:
    (line,) = written(AccessRecord("r", "/health", 503, 1.0, "GET", error="database_unavailable"))

    assert "model" not in line
    assert "cost_msat" not in line
    assert line["error"] == "database_unavailable"


def test_the_clients_words_neither_break_the_line_nor_carry_secrets() -> None:
    token = "cashuB" + "o2FteBtodHRwczovL21pbnQ"
    (line,) = written(AccessRecord("r", "/v1/x", 400, 1.0, model=f"a\r\n{token}\u2028\udcff"))

    assert line["model"] == f"a\r\n{MASK}\\u2028\\udcff"
