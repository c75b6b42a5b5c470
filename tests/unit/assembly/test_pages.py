import re
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI

from routstr.assembly.pages import _PACKAGES, add_pages, build_theme, show_site
from routstr.core.settings import Settings
from routstr.theme.engine import Visitor
from routstr.theme.texts import words

_TEXT = re.compile(r"""\bt\(\s*['"]([a-z_]+\.[a-z0-9_]+)['"]\s*[,)]""")


def templates() -> dict[str, str]:
    """The source of every template, by its name."""
    folders = {short: Path(str(files(_PACKAGES[short]))) / "templates" for short in _PACKAGES}
    return {
        f"{short}/{file.relative_to(folder).as_posix()}": file.read_text(encoding="utf-8")
        for short, folder in folders.items()
        for file in folder.rglob("*.html")
    }


def test_every_template_can_be_read() -> None:
    theme = build_theme(Settings())
    for name in templates():
        theme._environment.get_template(name)


def test_templates_name_only_texts_that_there_are() -> None:
    known = words("en")
    named = {text for source in templates().values() for text in _TEXT.findall(source)}
    assert len(named) > 100
    assert [text for text in sorted(named) if not known.knows(text)] == []


def test_templates_have_no_style_and_no_script_of_their_own() -> None:
    own = re.compile(r"""\sstyle=|<style|\son[a-z]+="|<script(?![^>]*\ssrc=)""")
    assert [name for name, source in templates().items() if own.search(source)] == []


def test_pages_are_no_part_of_the_api_s_description() -> None:
    api = FastAPI()
    add_pages(api)
    assert api.openapi()["paths"] == {}


def test_a_change_of_the_settings_is_shown() -> None:
    theme = build_theme(Settings(name="Before"))
    show_site(theme, Settings(name="After"))
    assert "After" in theme.render("theme/base.html", Visitor("en", "auto", "/"))
