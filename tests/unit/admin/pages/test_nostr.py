"""The page about Nostr, and the button that signs in with a key."""

from pathlib import Path

from routstr.admin.pages import nostr
from tests.unit.admin.front_door import FrontDoor, front_door
from tests.unit.admin.nostr_played import NPUB, PlayedNostr

PAGE = "/admin/nostr"


async def opened(at: FrontDoor, desk: PlayedNostr) -> None:
    at.app.include_router(nostr.router)
    at.app.state.admin_nostr = desk
    await at.sign_in()


async def test_it_shows_what_is_announced_and_how_relays_fare(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await opened(at, PlayedNostr())
        body = (await at.get(PAGE)).body.decode()
        assert NPUB in body
        assert "&lt;b&gt;Bob" in body
        assert "&lt;i&gt;blocked" in body
        assert "<b>Bob" not in body
        part = (await at.get(PAGE, {"HX-Request": "true"})).body.decode()
        assert "wss://a.example.com" in part
        assert "<html" not in part


async def test_every_stand_has_its_words(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        desk = PlayedNostr()
        await opened(at, desk)
        for stand in ("no_key", "no_address", "no_relay", "waiting", "withdrawn", "broken_key"):
            desk.stand, desk.withdrawn = stand, stand == "withdrawn"
            answer = await at.get(PAGE)
            assert answer.status == 200
            assert b"nostr.s" not in answer.body


async def test_its_buttons(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        desk = PlayedNostr(npub="", stand="no_key")
        await opened(at, desk)
        assert b'value="create"' in (await at.get(PAGE)).body
        done = await at.post(f"{PAGE}/key", what="create")
        assert done.header("location") == f"{PAGE}?done=key"
        await at.post(f"{PAGE}/key", nsec="nsec1x")
        await at.post(f"{PAGE}/publish")
        await at.post(f"{PAGE}/withdraw")
        cleared = await at.post(f"{PAGE}/key", what="clear")
        assert cleared.header("location") == f"{PAGE}?done=cleared"
        assert b"no key any more" in (await at.get(f"{PAGE}?done=cleared")).body
        assert desk.wanted == ["create", "key nsec1x", "publish", "withdraw", "key"]
        foreign = await at.post(f"{PAGE}/withdraw", mark="wrong")
        assert foreign.status == 403


async def test_a_wrong_key_is_told_in_its_place_and_not_repeated(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await opened(at, PlayedNostr())
        answer = await at.post(f"{PAGE}/key", nsec="bad")
        assert answer.status == 400
        assert b"must be a secret key" in answer.body
        assert b'value="bad"' not in answer.body


async def test_a_key_of_the_environment_has_no_form(tmp_path: Path) -> None:
    async with front_door(tmp_path) as at:
        await opened(at, PlayedNostr(locked=True))
        body = (await at.get(PAGE)).body
        assert b"NSEC" in body
        assert b'name="nsec"' not in body
