"""The page of lessons names tests that exist, and every test of a lesson stands on it."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.unit.docs_markdown import ROOT, Row, leads_somewhere, plain, prose, read, rows, spans

PAGE: Final = "lessons.md"
LESSONS: Final = ROOT / "tests" / "integration" / "lessons"
LATER: Final = "Comes with later parts"
_SLUGS: Final = (
    (re.compile(r"#(\d+)"), "issue_{}"),
    (re.compile(r"PR (\w+)"), "pr_{}"),
    (re.compile(r"code (\d+)"), "code_{}"),
    (re.compile(r"([0-9a-f]{7})"), "commit_{}"),
    (re.compile(r"(A\w+)"), "{}"),
)


def slug(mark: str) -> str:
    """How the name of a test begins that proves the lesson of this mark."""
    for pattern, form in _SLUGS:
        if match := pattern.fullmatch(mark):
            return "test_" + form.format(match[1])
    raise ValueError(f"{mark!r} is no mark")


def marks(row: Row) -> list[str]:
    return [mark.strip() for mark in plain(row.cells[0]).split(",")]


def proofs(row: Row) -> list[str]:
    """The tests that a row names."""
    return spans(row.cells[3])


def functions() -> Iterator[str]:
    """The tests of lessons."""
    for path in sorted(LESSONS.glob("test_*.py")):
        yield from re.findall(
            r"^async def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE
        )


TABLE: Final = list(rows(read(PAGE)))
PROVED: Final = [row for row in TABLE if row.chapter != LATER]


def test_there_are_lessons_of_either_kind() -> None:
    assert len(PROVED) > 20
    assert len(TABLE) > len(PROVED)


def test_every_test_that_the_page_names_exists_and_no_other() -> None:
    named = [name for row in PROVED for name in proofs(row)]

    assert sorted(named) == sorted(functions())


@pytest.mark.parametrize("row", PROVED, ids=lambda row: row.cells[0])
def test_a_lesson_is_proved_by_tests_of_its_mark(row: Row) -> None:
    begin = slug(marks(row)[0])

    assert len(row.cells) == 4
    assert all(row.cells)
    assert [name for name in proofs(row) if not name.startswith(f"{begin}_")] == []
    assert proofs(row)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.cells[0])
def test_a_mark_is_of_a_known_kind_and_what_comes_later_says_with_what(row: Row) -> None:
    assert [slug(mark) for mark in marks(row)]
    if row.chapter == LATER:
        assert len(row.cells) == 3
        assert all(row.cells)


def test_every_module_and_link_on_the_page_exists() -> None:
    text = prose(read(PAGE))
    paths = [span for span in spans(text) if re.match(r"(routstr|tests)/", span)]
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]

    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [link for link in links if not leads_somewhere(PAGE, link)] == []
    assert len(paths) > len(PROVED) / 2


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        ("#41", "test_issue_41"),
        ("PR 620", "test_pr_620"),
        ("PR 7870db9", "test_pr_7870db9"),
        ("code 11003", "test_code_11003"),
        ("ecd4697", "test_commit_ecd4697"),
        ("A5", "test_A5"),
        ("A_same_proofs", "test_A_same_proofs"),
    ],
)
def test_marks_become_names(mark: str, name: str) -> None:
    assert slug(mark) == name


def test_what_is_no_mark_is_noticed() -> None:
    with pytest.raises(ValueError, match="no mark"):
        slug("issue 41")
