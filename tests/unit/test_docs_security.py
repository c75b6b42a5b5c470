"""The page of promises names tests that exist, and every test of a promise stands on it."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.unit.docs_markdown import ROOT, Row, read, rows, spans

PAGE: Final = "security.md"
TESTS: Final = ROOT / "tests"
OWN: Final = (TESTS / "integration" / "security", TESTS / "security")
_CHAPTER: Final = re.compile(r"(S\d+): ")

TABLE: Final = list(rows(read(PAGE)))
MARKS: Final = [row.cells[0] for row in TABLE if not row.chapter]
PROMISES: Final = [row for row in TABLE if row.chapter]


def functions(name: str) -> set[str]:
    """The tests of a file below ``tests/``."""
    text = (TESTS / name).read_text(encoding="utf-8")
    return set(re.findall(r"^ *(?:async )?def (test_\w+)", text, re.MULTILINE))


def named() -> Iterator[tuple[str, str]]:
    for row in PROMISES:
        for proof in spans(row.cells[2]):
            file, _, test = proof.partition("::")
            yield file, test


@pytest.mark.parametrize("row", PROMISES, ids=lambda row: f"{row.chapter[:3]} {row.cells[0]}")
def test_a_promise_is_proved_by_tests_that_exist(row: Row) -> None:
    proofs = [proof.partition("::") for proof in spans(row.cells[2])]

    assert len(row.cells) == 3
    assert proofs
    assert [f"{file}::{test}" for file, _, test in proofs if test not in functions(file)] == []


def test_every_test_that_bears_a_mark_stands_on_the_page() -> None:
    own = {
        (path.relative_to(TESTS).as_posix(), test)
        for folder in OWN
        for path in folder.glob("test_*.py")
        for test in functions(path.relative_to(TESTS).as_posix())
    }

    assert own
    assert own - set(named()) == set()


def test_each_mark_has_a_chapter_of_its_own() -> None:
    chapters = dict.fromkeys(row.chapter for row in PROMISES)

    assert [match[1] for name in chapters if (match := _CHAPTER.match(name))] == MARKS
    assert len(chapters) == len(MARKS)


def test_a_file_of_marks_is_named_after_them() -> None:
    for path in [one for folder in OWN for one in folder.glob("test_*.py")]:
        begin = "_".join(path.stem.split("_")[:2])
        name = path.relative_to(TESTS).as_posix()
        assert [test for test in functions(name) if not test.startswith(f"{begin}_")] == []
