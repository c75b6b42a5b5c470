import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts.models_meta import main

ENTRY: dict[str, Any] = {
    "id": "v/m",
    "name": "Mine",
    "context_length": 1000,
    "pricing": {"prompt": "0.000001", "completion": 0.000002},
    "alias_ids": ["fast"],
    "forwarded_model_id": "v/m",
    "enabled": False,
    "base_msats": 5,
}
LISTED: dict[str, Any] = {
    "id": "v/m",
    "name": "Theirs",
    "description": "A model.",
    "context_length": 2000,
    "pricing": {"prompt": "0.000003", "completion": "2e-6", "input_cache_read": "5e-7"},
    "top_provider": {"context_length": 2000, "max_completion_tokens": 500, "is_moderated": None},
}


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def run(folder: Path, file: object, listed: object, *arguments: str) -> tuple[int, Path]:
    models = written(folder / "models.json", file)
    source = written(folder / "list.json", listed)
    code = main(["--from", str(source), "--file", str(models), *arguments])
    return code, models


def test_prices_and_limits_are_taken_and_what_the_operator_says_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, models = run(tmp_path, {"data": [ENTRY]}, {"data": [LISTED]})
    (entry,) = json.loads(models.read_text())["data"]
    assert code == 0
    assert entry == {
        **ENTRY,
        "description": "A model.",
        "context_length": 2000,
        "pricing": {
            "prompt": "0.000003",
            "completion": "0.000002",
            "input_cache_read": "0.0000005",
        },
        "top_provider": {"context_length": 2000, "max_completion_tokens": 500},
    }
    assert capsys.readouterr().out.splitlines() == [
        "v/m: input_cache_read None -> 0.0000005",
        "v/m: prompt 0.000001 -> 0.000003",
    ]


@pytest.mark.parametrize("listed", [{**LISTED, "id": "v/other"}, {"id": "v/m"}])
def test_a_model_without_a_price_in_the_list_stays_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], listed: object
) -> None:
    code, models = run(tmp_path, [ENTRY], [listed])
    assert code == 0
    assert json.loads(models.read_text()) == [ENTRY]
    assert capsys.readouterr().out.startswith("v/m: ")


def test_models_are_added_once(tmp_path: Path) -> None:
    added = ("--add", "V/M", "--add", "v/new")
    code, models = run(
        tmp_path, {"models": [ENTRY]}, {"data": [LISTED, {**LISTED, "id": "v/new"}]}, *added
    )
    entries = json.loads(models.read_text())["models"]
    assert code == 0
    assert [entry["id"] for entry in entries] == ["v/m", "v/new"]
    assert entries[1]["name"] == "Theirs"


def test_a_file_begins_with_what_is_added(tmp_path: Path) -> None:
    source = written(tmp_path / "list.json", [LISTED])
    file = tmp_path / "new.json"
    assert main(["--from", str(source), "--file", str(file), "--add", "v/m"]) == 0
    assert json.loads(file.read_text())["data"][0]["pricing"]["prompt"] == "0.000003"


def test_a_dry_run_tells_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, models = run(tmp_path, [ENTRY], [LISTED], "--dry-run")
    assert code == 0
    assert "prompt 0.000001 -> 0.000003" in capsys.readouterr().out
    assert json.loads(models.read_text()) == [ENTRY]


@pytest.mark.parametrize(
    ("file", "listed", "arguments", "reason"),
    [
        ([ENTRY], {"error": "no"}, (), "wanted"),
        ([ENTRY], [LISTED], ("--add", "v/unknown"), "v/unknown is not in the list"),
        ([{"id": ""}], [LISTED], (), "id: must not be empty"),
        ({"data": 5}, [LISTED], (), "wanted"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: object,
    listed: object,
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    code, models = run(tmp_path, file, listed, *arguments)
    assert code == 1
    assert reason in capsys.readouterr().err
    assert json.loads(models.read_text()) == file
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.json", "models.json"]


def test_a_missing_list_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--from", str(tmp_path / "no.json"), "--file", str(tmp_path / "m.json")]) == 1
    assert "No such file" in capsys.readouterr().err


@contextmanager
def played(status: int, body: bytes) -> Iterator[str]:
    """A server on this machine that always answers the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v1/models"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_list_is_read_from_a_server(tmp_path: Path) -> None:
    file = written(tmp_path / "models.json", [ENTRY])
    with played(200, json.dumps({"data": [LISTED]}).encode()) as url:
        assert main(["--from", url, "--file", str(file)]) == 0
    assert json.loads(file.read_text())[0]["context_length"] == 2000


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_server_that_does_not_answer_well_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    file = written(tmp_path / "models.json", [ENTRY])
    with played(status, b"{}") as url:
        assert main(["--from", url, "--file", str(file)]) == 1
    assert f"HTTP status {status}" in capsys.readouterr().err
    assert json.loads(file.read_text()) == [ENTRY]
