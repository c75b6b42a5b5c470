"""Every diagram of the documents can be drawn, with parts of its own."""

import re
from typing import Final

import pytest
from pymdownx.superfences import SuperFencesException

from scripts.diagrams import fence
from tests.unit.docs_markdown import DOCS, ROOT, blocks

DIAGRAMS: Final = [
    pytest.param(source, id=f"{page.name}-{number}")
    for page in (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
    for number, (_, source) in enumerate(blocks(page.read_text(encoding="utf-8"), "mermaid"))
]


@pytest.mark.parametrize("source", DIAGRAMS)
def test_a_diagram_is_drawn_where_it_stands(source: str) -> None:
    drawn = fence(source, "mermaid", "diagram", {}, None)

    assert drawn.startswith('<div class="diagram"><svg id="diagram-')
    assert "merman" not in drawn
    assert "<script" not in drawn


def test_two_diagrams_of_a_page_share_no_name() -> None:
    first, second = (fence(f"flowchart LR\n  a --> {name}\n") for name in "bc")

    assert not set(re.findall(r'id="(diagram-[^"]+)"', first)) & set(
        re.findall(r'id="(diagram-[^"]+)"', second)
    )


def test_what_is_no_diagram_stops_the_build() -> None:
    with pytest.raises(SuperFencesException):
        fence("sequenceDiagram\n  A->>B: a word; another\n")
