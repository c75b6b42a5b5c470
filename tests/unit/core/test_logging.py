import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from routstr.core.access_log import AccessRecord
from routstr.core.clock import SystemClock
from routstr.core.logging import get_logger, start_logging
from routstr.core.request_id import REQUEST_ID
from routstr.core.secret import MASK, Secret
from routstr.core.settings import Settings

Lines = list[dict[str, object]]
log = get_logger("routstr.test")


def fail(message: str) -> None:
    raise LookupError(message)


@contextmanager
def logging_to(folder: Path, **settings: Any) -> Iterator[Lines]:
    """Log inside the block; afterwards the list holds the lines of standard output."""
    stream = io.StringIO()
    lines: Lines = []
    logs = start_logging(Settings(log_dir=folder, **settings), SystemClock(), stream)
    try:
        yield lines
    finally:
        assert logs.close()
        lines.extend(json.loads(line) for line in stream.getvalue().splitlines())


def test_a_line_has_time_level_event_logger_and_fields(tmp_path: Path) -> None:
    with logging_to(tmp_path) as lines:
        log.info("mint answered", mint="https://a.example", ms=12, names=["a", "b"])

    (line,) = lines
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "level": "info",
        "event": "mint answered",
        "logger": "routstr.test",
        "mint": "https://a.example",
        "ms": 12,
        "names": ["a", "b"],
    }


def test_file_and_standard_output_get_the_same_lines(tmp_path: Path) -> None:
    with logging_to(tmp_path) as lines:
        log.warning("one")
        log.error("two")

    (file,) = tmp_path.glob("app_*.log")
    assert [json.loads(line) for line in file.read_text().splitlines()] == lines
    assert len(lines) == 2


@pytest.mark.parametrize(("kind", "colours"), [("text", True), ("json", False)])
def test_people_at_a_terminal_see_text_in_colour(
    tmp_path: Path, kind: str, colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    settings = Settings(log_dir=tmp_path, console_log_format=kind)
    logs = start_logging(settings, SystemClock(), screen)
    get_logger("test").warning("look here")
    assert logs.close()
    assert "look here" in screen.getvalue()
    assert ("\x1b[" in screen.getvalue()) is colours


def test_standard_output_can_be_switched_off(tmp_path: Path) -> None:
    with logging_to(tmp_path, enable_console_logging=False) as lines:
        log.warning("to the file")

    assert lines == []
    assert "to the file" in next(tmp_path.glob("app_*.log")).read_text()


def test_a_folder_that_cannot_be_written_is_a_warning_and_standard_output(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with logging_to(tmp_path / "file" / "logs", enable_console_logging=False) as lines:
        log.info("still here")

    warning, line = lines
    assert warning["level"] == "warning"
    assert "cannot be written" in str(warning["event"])
    assert line["event"] == "still here"


def test_lines_of_a_request_carry_its_id(tmp_path: Path) -> None:
    with logging_to(tmp_path) as lines:
        token = REQUEST_ID.set("the-id")
        log.info("inside")
        logging.getLogger("some.library").warning("inside too")
        REQUEST_ID.reset(token)
        log.info("outside")

    assert [line.get("request_id") for line in lines] == ["the-id", "the-id", None]


def test_libraries_log_into_the_same_stream(tmp_path: Path) -> None:
    own = logging.StreamHandler(io.StringIO())
    logging.getLogger("uvicorn").addHandler(own)  # as uvicorn's command line does
    with logging_to(tmp_path) as lines:
        logging.getLogger("uvicorn.error").info("Started %s", "server")
        logging.getLogger("alembic.runtime").warning("migrated")
        logging.getLogger("uvicorn.access").info("GET / 200")
        logging.getLogger("sqlalchemy.engine").info("SELECT 1")

    assert [(line["logger"], line["event"]) for line in lines] == [
        ("uvicorn.error", "Started server"),
        ("alembic.runtime", "migrated"),
    ]
    assert own not in logging.getLogger("uvicorn").handlers


def test_a_librarys_broken_format_is_logged_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # the test runner's would raise
    with logging_to(tmp_path) as lines:
        logging.getLogger("some.library").warning("%d items", "three")

    assert lines[0]["event"] == "%d items ('three',)"


@pytest.mark.parametrize(("level", "seen"), [("DEBUG", 3), ("INFO", 2), ("ERROR", 1)])
def test_the_level_is_the_operators(tmp_path: Path, level: str, seen: int) -> None:
    with logging_to(tmp_path, log_level=level) as lines:
        log.debug("d")
        log.info("i")
        log.error("e")

    assert len(lines) == seen


def test_a_traceback_is_one_field_of_one_line(tmp_path: Path) -> None:
    with logging_to(tmp_path) as lines:
        try:
            fail("no such thing")
        except LookupError:
            log.exception("job failed", job="x")

    (line,) = lines
    assert line["level"] == "error"
    assert "LookupError: no such thing" in str(line["exception"])
    assert __file__ in str(line["exception"])


def test_a_field_cannot_take_the_place_of_a_fixed_one(tmp_path: Path) -> None:
    with logging_to(tmp_path) as lines:
        log.info("truth", level="forged", logger="forged", timestamp="forged")

    assert lines[0]["level"] == "info"
    assert lines[0]["level_"] == "forged"
    assert lines[0]["logger"] == "routstr.test"


def test_arguments_are_taken_when_the_call_is_made(tmp_path: Path) -> None:
    with logging_to(tmp_path) as lines:
        names = ["before"]
        log.info("names are %s", names, names=names)
        names[0] = "after"

    assert lines[0]["event"] == "names are ['before']"
    assert lines[0]["names"] == ["before"]


def test_logging_leaves_no_handler_behind(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    with logging_to(tmp_path, log_level="DEBUG"):
        assert len(root.handlers) == len(before[0]) + 1

    assert (root.handlers, root.level) == before


SECRETS = {
    "key": "sk-" + "0f" * 32,
    "token_a": "cashuAeyJ0b2tlbiI6W3sicHJvb2ZzIjpbXX1dfQ",
    "token_b": "cashuBo2FteBtodHRwczovL21pbnQuZXhhbXBsZQ",
    "nsec": "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5",
    "bearer": "abcdef0123456789.x-y_z",
    "preimage": "1f" * 32,
    "wrapped": "planted-in-a-secret-type",
}


def test_no_planted_secret_reaches_any_log(tmp_path: Path) -> None:
    with logging_to(tmp_path, log_level="DEBUG") as lines:
        for secret in list(SECRETS.values())[:4]:
            log.info("seen %s", secret, value=secret, deep={"list": [secret], secret: 1})
            logging.getLogger("lib").warning("seen %s in %r", secret, {"k": secret})
            try:
                fail(f"bad token {secret}")
            except LookupError:
                log.exception("failed", error=sys.exception())
        log.info("headers", headers={"Authorization": SECRETS["bearer"]})
        log.info("Authorization: Bearer %s", SECRETS["bearer"])
        log.info("paid", preimage=SECRETS["preimage"], text=f"preimage={SECRETS['preimage']}")
        log.info("bare %s\nnext", SECRETS["preimage"], wrapped=Secret(SECRETS["wrapped"]))
        log.info("quoted %s", Secret(SECRETS["wrapped"]))

    written = next(tmp_path.glob("app_*.log")).read_text() + json.dumps(lines)
    assert [name for name, secret in SECRETS.items() if secret in written] == []
    assert written.count(MASK) > 20
    assert len(lines) == 17


async def test_access_lines_are_written_whatever_the_level(tmp_path: Path) -> None:
    stream = io.StringIO()
    settings = Settings(log_dir=tmp_path, log_level="CRITICAL")
    logs = start_logging(settings, SystemClock(), stream)
    logs.access.write(AccessRecord("r", "/v1/models", 200, 0.5, "GET"))
    assert logs.close()

    assert json.loads(stream.getvalue())["event"] == "api_request"


def test_without_running_logs_the_standard_library_decides(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log.warning("seen by a test", amount=5)

    assert caplog.messages == ["seen by a test"]


def test_lines_of_one_of_several_processes_say_which_one(tmp_path: Path) -> None:
    settings = Settings(log_dir=tmp_path, enable_console_logging=False)
    logs = start_logging(settings, SystemClock(), worker=2)
    get_logger("one").info("here")
    logs.access.write(AccessRecord("r", "/v1/models", 200, 0.5, "GET"))
    logs.close()
    (file,) = tmp_path.iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["worker"] for line in lines] == [2, 2]
