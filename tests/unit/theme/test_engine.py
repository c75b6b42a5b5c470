import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment, UndefinedError

from routstr.theme.engine import SCHEME_COOKIE, Compiled, Visitor
from routstr.theme.texts import words
from tests.unit.theme.pages import get, text, theme

VISITOR = Visitor("de", "auto", "/")


async def test_a_page_can_run_no_foreign_script() -> None:
    answer = await get("/page")
    policy = answer.header("content-security-policy") or ""
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "no-referrer"
    assert answer.header("cache-control") == "no-store"
    assert "Node &lt;1&gt;" in text(answer)


async def test_a_page_is_in_the_language_that_the_visitor_wants() -> None:
    plain, asked = await get("/page"), await get("/page?lang=de")
    assert 'lang="en"' in text(plain)
    assert plain.header("set-cookie") is None
    assert 'lang="de"' in text(asked)
    assert asked.header("content-language") == "de"
    kept = (asked.header("set-cookie") or "").split(";")[0]
    assert 'lang="de"' in text(await get("/page", cookie=kept))
    assert 'lang="es"' in text(await get("/page", accept_language="es"))


async def test_a_page_has_the_colours_that_the_visitor_wants() -> None:
    dark = await get("/page", cookie=f"{SCHEME_COOKIE}=dark")
    assert 'data-colours="dark"' in text(dark)
    strange = await get("/page", cookie=f'{SCHEME_COOKIE}="><script>')
    assert "data-colours" not in text(strange)


def shown(template: str, **values: object) -> str:
    return str(theme()._environment.from_string(template).render(t=words("de"), **values))


@pytest.mark.parametrize(
    ("template", "value", "told"),
    [
        ("{{ it|sat }}", 1_234_567, "1.234,567"),
        ("{{ it|number }}", 1_234, "1.234"),
        ("{{ it|number(1) }}", 12.5, "12,5"),
        ("{{ it|when }}", 0, "1970-01-01 00:00:00"),
        ("{{ it|since }}", 59, "59 s"),
        ("{{ it|since }}", 3_599, "59 Min."),
        ("{{ it|since }}", 7_300, "2 Std."),
        ("{{ it|since }}", 90_000, "1 Tage"),
        ("{{ it|short }}", "a" * 20, "a" * 20),
        ("{{ it|short }}", "abcdefghijklmnopqrstuvwxyz", "abcdefghi…rstuvwxyz"),
        ("{{ it }}", "<b>", "&lt;b&gt;"),
    ],
)
def test_what_templates_can_show(template: str, value: object, told: str) -> None:
    assert shown(template, it=value) == told


def test_a_value_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        shown("{{ nobody }}")


def test_what_every_page_shows_can_change() -> None:
    made = theme()
    assert "Node &lt;1&gt;" in made.render("theme/base.html", VISITOR)
    made.show_site({"name": "Another", "version": "2"})
    assert "Another · Routstr 2" in made.render("theme/base.html", VISITOR)


def loaded(folder: Path, source: str) -> Environment:
    """What a process has that finds this template, and keeps what it compiles in a folder."""
    kept = Compiled()
    kept.directory = str(folder)
    return Environment(loader=DictLoader({"it": source}), autoescape=True, bytecode_cache=kept)


def test_a_template_is_compiled_once_for_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert loaded(tmp_path, "{{ 1 + 1 }}").get_template("it").render() == "2"
    again = loaded(tmp_path, "{{ 1 + 1 }}")
    monkeypatch.setattr(again, "compile", None)
    assert again.get_template("it").render() == "2"
    assert loaded(tmp_path, "{{ 1 + 2 }}").get_template("it").render() == "3"


def test_templates_are_shown_where_nothing_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert loaded(tmp_path / "missing", "{{ 1 }}").get_template("it").render() == "1"
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert loaded(tmp_path, "{{ 2 }}").get_template("it").render() == "2"
    assert not list(tmp_path.iterdir())
