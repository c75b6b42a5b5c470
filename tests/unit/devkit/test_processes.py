import threading
from pathlib import Path

import pytest

from devkit.processes import Child, Program, ServiceFailed


def test_a_failure_says_which_why_its_last_words_and_the_remedy() -> None:
    failure = ServiceFailed("mint", "ended", tail="one\ntwo", remedy="run `make setup`")
    assert str(failure).splitlines() == [
        "mint ended.",
        "Its last log lines:",
        "  | one",
        "  | two",
        "Remedy: run `make setup`",
    ]


def test_a_failure_without_a_log_is_one_line() -> None:
    assert str(ServiceFailed("mint", "is not installed")) == "mint is not installed."


def test_a_missing_program_names_the_remedy(tmp_path: Path) -> None:
    program = Program("mint", ["/nowhere/mint"], tmp_path, remedy="run `make setup`")
    with pytest.raises(ServiceFailed, match=r"(?s)not installed \(/nowhere/mint\).*make setup"):
        Child(program)


def test_a_child_is_tied_to_the_main_thread_only(tmp_path: Path) -> None:
    refused = []

    def start() -> None:
        with pytest.raises(RuntimeError, match="main thread") as error:
            Child(Program("true", ["/bin/true"], tmp_path))
        refused.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert refused
