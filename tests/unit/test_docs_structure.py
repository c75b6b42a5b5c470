"""The page of packages is what the packages say, and each module says what it is."""

from typing import Final

from tests.unit import docs_structure
from tests.unit.docs_markdown import ROOT, read

SILENT: Final = {"__init__.py", "__main__.py"}


def test_the_page_is_what_the_packages_say() -> None:
    written = docs_structure.render()

    assert read(docs_structure.PAGE) == written, "python -m tests.unit.docs_structure"
    assert "## `routstr/ledger/`\n\nWho owns which msat" in written


def test_every_module_says_what_it_is() -> None:
    modules = [path for path in (ROOT / "routstr").rglob("*.py") if path.name not in SILENT]

    assert len(modules) > 300
    assert [path for path in modules if not docs_structure.words(path)] == []
