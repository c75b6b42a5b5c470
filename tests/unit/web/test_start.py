import re

import pytest

from tests.unit.web.shop import MINT, Shop, catalog

SHOP = Shop(catalog())


async def test_only_who_asks_for_a_page_gets_one() -> None:
    page = await SHOP.get("/")
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert page.header("vary") == "Accept"
    assert "script-src 'self'" in (page.header("content-security-policy") or "")
    for accept in ("*/*", "application/json"):
        assert (await SHOP.get("/", accept=accept)).json() == {"status": "running"}


async def test_the_page_shows_what_is_sold_and_escapes_it() -> None:
    page = await SHOP.text("/")
    assert "Dear &lt;script&gt;" in page
    assert "Ours &amp; yours" in page
    assert "Dear <script>" not in page
    assert page.index(">cheap<") < page.index("Dear &lt;") < page.index(">draws<")
    assert "2,000 sat" in page
    assert "from 40 sat for each picture that is made" in page
    assert MINT in page


async def test_nothing_in_the_page_is_inline() -> None:
    page = await SHOP.text("/")
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", page)
    assert not re.search(r"\s(style|on[a-z]+)=", page)


async def test_a_request_is_computed_without_scripts_too() -> None:
    page = await SHOP.text("/?model=dear&input=1000&output=10")
    assert re.search(r'id="cost-sat">2\.180<', page)
    assert re.search(r'id="cost-usd">\$0\.002180<', page)
    assert re.search(r'<option value="dear"[^>]* selected>', page)
    assert "sk-…" in page


@pytest.mark.parametrize(("language", "words"), [("de", "pro Anfrage"), ("es", "por petición")])
async def test_the_page_speaks_its_visitors_language(language: str, words: str) -> None:
    page = await SHOP.text("/", **{"accept-language": language})
    assert words in page
    assert f'<html lang="{language}"' in page


async def test_without_a_price_of_bitcoin_the_page_says_so() -> None:
    page = await Shop(catalog(priced=False)).text("/")
    assert "no current price of bitcoin" in page
    assert 'id="calculator"' not in page
    assert "sells no models" in await Shop(catalog([])).text("/")


@pytest.mark.parametrize(
    ("able", "deposits", "told"),
    [(True, "open", "Ready"), (True, "closed", "takes no new money"), (False, "open", "Cannot")],
)
async def test_the_state_of_the_node_is_told(able: bool, deposits: str, told: str) -> None:
    shop = Shop(catalog(), able=able, deposits=deposits)
    shop.clock.advance(seconds=7_200)
    part = await shop.text("/now")
    assert told in part
    assert "Running for 2 h" in part
    assert "mint.example: answers" in part
    assert "other.example: does not answer" in part
    assert "<html" not in part
