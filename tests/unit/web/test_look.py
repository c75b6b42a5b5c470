from typing import Final
from urllib.parse import urlencode

import pytest

from tests.unit.core.asgi import Answer, ask
from tests.unit.web.shop import Shop, catalog

SHOP: Final = Shop(catalog())


async def wish(**fields: str) -> Answer:
    return await ask(SHOP.app, "POST", "/look", chunks=[urlencode(fields).encode()])


async def test_language_and_colours_are_remembered() -> None:
    answer = await wish(language="de", colours="dark", back="/key")
    assert (answer.status, answer.header("location")) == (303, "/key")
    assert {one.split(";")[0] for one in answer.all("set-cookie")} == {
        "routstr_language=de",
        "routstr_colours=dark",
    }


async def test_what_there_is_not_is_not_remembered() -> None:
    assert not (await wish(language="xx", colours="loud", back="/")).all("set-cookie")


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/\\evil.example", ""])
async def test_the_way_back_leads_to_this_node(back: str) -> None:
    assert (await wish(language="es", back=back)).header("location") == "/"


async def test_a_file_is_given_for_ever_and_no_other() -> None:
    page = await SHOP.text("/")
    url = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = await SHOP.get(url)
    assert "immutable" in (answer.header("cache-control") or "")
    assert (await SHOP.get(url + "x")).status == 404
