import re
import string
from decimal import Decimal
from importlib.resources import files

import pytest

from routstr.money import Msat
from routstr.theme.texts import LANGUAGES, catalogue, choose_language, words

OTHERS = [language for language in LANGUAGES if language != "en"]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_has_its_folder() -> None:
    folders = {entry.name for entry in (files("routstr.theme") / "texts").iterdir()}
    assert folders == set(LANGUAGES)


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_the_same_texts(language: str) -> None:
    assert catalogue(language).keys() == catalogue("en").keys()


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_fills_in_the_same(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    differ = [n for n in english if placeholders(english[n]) != placeholders(other[n])]
    assert differ == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_has_spaces_around_it(language: str) -> None:
    assert [n for n, text in catalogue(language).items() if not text or text != text.strip()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_runs_a_script(language: str) -> None:
    assert not any(re.search(r"<script|style=|\son\w+=", t) for t in catalogue(language).values())


def test_what_is_filled_in_is_escaped_and_the_text_is_not() -> None:
    t = words("en")
    assert t("base.days", count="<b>") == "&lt;b&gt; days"
    with pytest.raises(KeyError):
        t("base.no_such_text")
    assert t.knows("base.days")
    assert not t.knows("base.no_such_text")


@pytest.mark.parametrize(
    ("wanted", "accepted", "language"),
    [
        ((None, None), None, "en"),
        ((None, "de"), "es", "de"),
        (("es", "de"), None, "es"),
        (("xx", ""), "fr;q=0.9, es-MX;q=0.8, de;q=0.5", "es"),
        ((), "de-AT", "de"),
        ((), "en;q=0.1, de;q=0", "en"),
        ((), "DE", "de"),
        ((), "*, ;;, q=1" + "x" * 5_000, "en"),
    ],
)
def test_the_language_is_what_the_visitor_wants_most(
    wanted: tuple[str | None, ...], accepted: str | None, language: str
) -> None:
    assert choose_language(wanted, accepted) == language


@pytest.mark.parametrize(
    ("language", "msat", "told"),
    [
        ("en", 0, "0"),
        ("en", 1, "0.001"),
        ("en", 1_234_567_000, "1,234,567"),
        ("de", 1_234_567, "1.234,567"),
        ("es", -1_500, "-1,500"),
    ],
)
def test_msat_are_told_in_sat(language: str, msat: int, told: str) -> None:
    assert words(language).sat(Msat(msat) if msat >= 0 else msat) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [("0", "$0.00"), ("2", "$2.00"), ("1234.5", "$1,234.50"), ("0.0042", "$0.004200")],
)
def test_usd_are_told_with_more_places_when_they_are_few(value: str, told: str) -> None:
    assert words("en").usd(Decimal(value)) == told
