"""``python -m scripts.site``: builds the site of the documents strictly, and looks at its pages.

A page fetches nothing from elsewhere, and no mark of Markdown is left over in it.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from scripts.places import ROOT

SITE: Final = ROOT / "site"
BUILD: Final = (sys.executable, "-m", "zensical", "build", "--clean", "--strict")
PAGES_MIN: Final = 30
_LOADS: Final = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
_LEFT: Final = re.compile(r"```|^\s*(?:\||(?:- )?\[[ x]\] |#{2,} )", re.MULTILINE)
_HARMLESS: Final = {"canonical", "alternate", "edit"}


class Look(HTMLParser):
    """What a page loads from elsewhere, and its words outside of code."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.words: list[str] = []
        self._quiet: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        address = told.get(_LOADS.get(tag, "")) or ""
        if re.match(r"(?:https?:)?//", address) and told.get("rel") not in _HARMLESS:
            self.loads.append(address)
        if tag in {"pre", "code", "script", "style", "svg"}:
            self._quiet.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._quiet[-1:] == [tag]:
            self._quiet.pop()

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.words.append(data)


def problems(page: str) -> Iterator[str]:
    """What is wrong with the HTML of a page."""
    look = Look()
    look.feed(page)
    yield from (f"loads {address}" for address in look.loads)
    yield from (f"has left {mark!r}" for mark in sorted(set(_LEFT.findall("".join(look.words)))))


def found(site: Path) -> list[str]:
    """The same of all pages, each with its name."""
    pages = sorted(site.rglob("*.html"))
    told = [] if len(pages) >= PAGES_MIN else [f"only {len(pages)} pages were built"]
    for page in pages:
        name = page.relative_to(site).as_posix()
        told += [f"{name} {one}" for one in problems(page.read_text(encoding="utf-8"))]
    return told


def main() -> int:
    """Exit status."""
    built = subprocess.run(BUILD, cwd=ROOT, check=False)
    told = [] if built.returncode else found(SITE)
    print(*told, sep="\n", file=sys.stderr)
    return built.returncode or int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
