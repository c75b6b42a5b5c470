import re

from routstr.theme.texts import catalogue
from tests.unit.web.shop import Shop, catalog

SHOP = Shop(catalog())


async def test_the_page_of_a_key_holds_nothing_of_any_key() -> None:
    answer = await SHOP.get("/key", authorization="Bearer sk-secret")
    page = answer.body.decode()
    assert answer.status == 200
    assert "sk-secret" not in page
    assert answer.header("cache-control") == "no-store"
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", page)
    assert not re.search(r"\s(style|on[a-z]+)=", page)
    assert not answer.all("set-cookie")


async def test_every_control_has_a_label() -> None:
    page = await SHOP.text("/key")
    controls = re.findall(r'<(?:input|select|textarea) id="([^"]+)"', page)
    assert len(controls) >= 10
    assert [one for one in controls if f' for="{one}"' not in page] == []
    assert len(controls) == len(set(controls))


def test_the_texts_of_every_language_are_the_same_ones() -> None:
    def areas(language: str) -> set[str]:
        return {name for name in catalogue(language) if name.startswith(("start.", "key.", "pay."))}

    def blanks(language: str) -> dict[str, set[str]]:
        return {
            name: set(re.findall(r"\{\w+\}", catalogue(language)[name])) for name in areas("en")
        }

    for language in ("de", "es"):
        assert areas(language) == areas("en")
        assert blanks(language) == blanks("en")
