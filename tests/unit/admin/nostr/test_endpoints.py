"""The admin API about Nostr: who may ask, and what is told."""

from pathlib import Path
from typing import Any

from routstr.admin.nostr import endpoints
from tests.unit.admin.nostr_played import NPUB, PlayedNostr
from tests.unit.admin.office import Office, office


async def opened(at: Office) -> PlayedNostr:
    desk = PlayedNostr()
    at.app.include_router(endpoints.router)
    at.app.state.admin_nostr = desk
    assert (await at.log_in()).status == 200
    return desk


async def test_it_tells_how_the_node_stands(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        await opened(at)
        told: dict[str, Any] = await at.told("GET", "/nostr")
    assert (told["npub"], told["state"], told["looked_at"]) == (NPUB, "announced", 7)
    assert told["announcement"]["created_at"] == 1_000
    assert [relay["last_ok"] for relay in told["relays"]] == [5, None]
    assert told["relays"][1]["error"] == "<i>blocked"


async def test_the_key_is_changed_cleared_and_made(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        desk = await opened(at)
        assert await at.told("PATCH", "/nsec", {"nsec": "nsec1x"}) == {"ok": True, "npub": NPUB}
        assert await at.told("PATCH", "/nsec", {"nsec": ""}) == {"ok": True, "npub": ""}
        assert (await at.told("POST", "/nostr/key"))["npub"] == NPUB
        refused = await at.ask("PATCH", "/nsec", {"nsec": "bad"})
        assert (refused.status, refused.json()["error"]["code"]) == (400, "invalid_nsec")
        assert (await at.ask("PATCH", "/nsec", {"nsec": 5})).status == 422
    assert desk.wanted == ["key nsec1x", "key", "create"]


async def test_it_is_published_and_withdrawn(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        desk = await opened(at)
        await at.told("POST", "/nostr/publish")
        await at.told("POST", "/nostr/withdraw")
        at.token = ""
        assert (await at.ask("POST", "/nostr/withdraw")).status == 403
    assert desk.wanted == ["publish", "withdraw"]
