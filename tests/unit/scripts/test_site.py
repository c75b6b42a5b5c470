"""What is looked for in the pages of the site."""

from pathlib import Path

import pytest

from scripts.site import PAGES_MIN, found, problems

GOOD = '<link rel="canonical" href="https://node.example/"><p>Words</p><pre>``` | [ ] </pre>'


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (GOOD, None),
        ('<a href="https://elsewhere.example/">a link is no load</a>', None),
        ('<script src="https://cdn.example/a.js"></script>', "loads https://cdn.example/a.js"),
        ('<link rel="stylesheet" href="//fonts.example/a.css">', "loads //fonts.example/a.css"),
        ('<img src="http://elsewhere.example/a.png">', "loads http://elsewhere.example/a.png"),
        ("<p>\n```json chat\n</p>", "has left '```'"),
        ("<p>\n| a | b |</p>", "has left '\\n|'"),
        ("<li>[ ] to do</li>", "has left '[ ] '"),
    ],
)
def test_what_a_page_must_not_have_is_found(page: str, problem: str | None) -> None:
    assert list(problems(page)) == ([problem] if problem else [])


def test_every_page_is_looked_at_and_few_pages_are_suspicious(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.html").write_text('<img src="//elsewhere.example/a.png">')
    assert len(found(tmp_path)) == 2

    for number in range(PAGES_MIN):
        (tmp_path / f"{number}.html").write_text(GOOD)
    assert found(tmp_path) == ["in/bad.html loads //elsewhere.example/a.png"]
