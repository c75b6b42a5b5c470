"""The page of prices names every fault of prices, and each has tests that bear its mark."""

import re
from typing import Final

from tests.unit import docs_pricing
from tests.unit.docs_markdown import ROOT, leads_somewhere, plain, prose, read, rows, spans

PAGE: Final = "pricing.md"
TESTS: Final = ROOT / "tests" / "unit" / "proxy" / "test_paid_rows.py"
FAULTS: Final = [row for row in rows(read(PAGE)) if row.chapter == "Faults of prices elsewhere"]


def test_every_fault_has_a_row_and_a_test_and_no_test_is_of_another() -> None:
    marks = [plain(row.cells[0]) for row in FAULTS]
    tested = re.findall(
        r"^async def test_p(\d\d)_", TESTS.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert marks == [f"P{number}" for number in range(1, 16)]
    assert {f"P{int(number)}" for number in tested} == set(marks)
    assert all(all(row.cells) for row in FAULTS)


def test_the_worked_examples_are_what_the_node_charges() -> None:
    assert read(PAGE) == docs_pricing.page(), "python -m tests.unit.docs_pricing"
    assert len(docs_pricing.EXAMPLES) > 5


def test_every_module_setting_and_link_on_the_page_exists() -> None:
    text = prose(read(PAGE))
    paths = [span for span in spans(text) if re.match(r"(routstr|tests)/", span)]
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    settings = {span.partition("=")[0] for span in spans(text) if re.match(r"[A-Z_]{4,}", span)}
    known = read("settings.md")

    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [link for link in links if not leads_somewhere(PAGE, link)] == []
    assert [name for name in settings if f"`{name}" not in known] == []
    assert len(paths) > 5
