"""What others say on Nostr, for people."""

from fastapi import FastAPI

from routstr.admin.nostr.network import NetworkShown
from routstr.admin.pages.door import Signed, signed_in
from routstr.admin.pages.network import router
from tests.unit.admin.front_door import THEME
from tests.unit.admin.nostr_network import SHOWN, Played
from tests.unit.core.asgi import ask


async def page(shown: NetworkShown) -> str:
    app = FastAPI()
    app.include_router(router)
    app.state.theme, app.state.admin_network = THEME, Played(shown)
    app.dependency_overrides[signed_in] = lambda: Signed("", "")
    answer = await ask(app, "GET", "/admin/nostr/network")
    assert answer.status == 200, answer.body
    return answer.body.decode()


async def test_the_page_shows_it_and_nothing_in_it_is_markup() -> None:
    told = await page(SHOWN)
    assert "&lt;b&gt;why" in told
    assert "&lt;i&gt;v" in told
    assert ("<b>why" in told, "<i>v" in told) == (False, False)
    assert "1 of 2" in told


async def test_the_page_says_why_there_is_nothing() -> None:
    assert "no reviewer" in await page(NetworkShown(""))
    assert "Nothing was read" in await page(NetworkShown("npub1judge"))
    assert "nothing about this node" in await page(NetworkShown("npub1judge", read_at=1))
