import re

from tests.unit.web.shop import Shop, catalog

SHOP = Shop(catalog())


async def test_the_models_that_answer_in_words_can_be_chosen() -> None:
    page = await SHOP.text("/play")
    assert re.findall(r'<option value="([^"]+)"', page)[:2] == ["cheap", "dear"]
    assert '<option value="cheap" selected>' in page
    assert '<option value="dear" selected>' in await SHOP.text("/play?model=dear")
    assert '<option value="cheap" selected>' in await SHOP.text("/play?model=<script>")
    assert "<script>" not in page
    assert not re.search(r"\s(style|on[a-z]+)=", page)


async def test_a_node_that_sells_nothing_says_so() -> None:
    page = await Shop(catalog(priced=False)).text("/play")
    assert "Nothing to talk to" in page
