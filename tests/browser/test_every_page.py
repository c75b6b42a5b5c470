"""Every page, on a desktop by day, on a phone by night: whole, silent, usable by everybody.

A page is looked at because it has a route: nobody has to remember it.
"""

import asyncio
from typing import Final, Literal

from axe_playwright_python.async_playwright import Axe
from fastapi.routing import APIRoute
from playwright.async_api import Browser, Page, ViewportSize

from routstr.admin.pages.door import LOGIN
from routstr.assembly.pages import ROUTERS
from routstr.theme.assets import PREFIX as ASSETS
from tests.browser.conftest import quiet_page
from tests.browser.scene import DESKTOP, PHONE, Scene, sign_in

NO_PAGES = frozenset(
    {
        *(
            "/now",
            "/llms.txt",
            "/openapi.json",
            f"{ASSETS}/{{path:path}}",
            "/admin/live",
            "/admin/charts/{what}",
        ),
        *("/admin/transactions/export/{table}.{form}", "/admin/setup", "/admin/setup/pay/state"),
        *("/admin/wallet/mints", "/admin/wallet/check/part", "/admin/nostr/network"),
    }
)
"""Files, streams, parts of pages, and what leads to another page."""
ELSEWHERE = frozenset({"/admin/wallet/withdrawals/{saga}", "/admin/wallet/payouts/{saga}"})
"""Of what was taken out: ``test_wallet.py`` looks at them."""
_SERIOUS = frozenset({"serious", "critical"})
_TOLD: Final = {"resultTypes": ["violations"]}
"""What passes need not be told in detail: half of the time."""


async def _faults(page: Page, path: str) -> list[str]:
    """What is wrong with a page."""
    answer = await page.goto(path)
    if answer is None or answer.status != 200:
        return [f"{path}: answers {answer and answer.status}"]
    await page.wait_for_load_state("networkidle" if path != "/admin" else "load")
    found = []
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        found.append(f"{path}: {wide} px wider than the screen")
    for one in (await Axe().run(page, options=_TOLD)).response["violations"]:
        if one["impact"] in _SERIOUS:
            where = "; ".join(node["html"][:120] for node in one["nodes"][:3])
            found.append(f"{path}: {one['id']}: {where}")
    return found


def _paths() -> tuple[list[str], list[str]]:
    """Of all pages, by the routes that there are: for everybody, and for the operator."""
    routes = [route for router in ROUTERS for route in router.routes]
    found = {
        one.path for one in routes if isinstance(one, APIRoute) and "GET" in (one.methods or ())
    }
    gone = (NO_PAGES | ELSEWHERE) - found
    assert not gone, f"are no routes any more: {gone}"
    pages = sorted(found - NO_PAGES - ELSEWHERE)
    public = [path for path in pages if path == LOGIN or not path.startswith("/admin")]
    return public, [path for path in pages if path not in public]


async def _named(scene: Scene) -> dict[str, str]:
    """An example of each address that names something."""
    client = scene.house.client
    asked = await client.chat(scene.keys[0])
    key = (await client.info(scene.keys[0])).json["id"]
    return {
        "/admin/keys/{key}": f"/admin/keys/{key}",
        "/admin/logs/{request_id}": f"/admin/logs/{asked.headers['x-routstr-request-id']}",
        "/admin/models/one": "/admin/models/one?provider=custom&model=good",
        "/admin/providers/{provider}": "/admin/providers/custom",
    }


async def _sweep(
    browser: Browser,
    scene: Scene,
    size: ViewportSize,
    colours: Literal["light", "dark"],
) -> list[str]:
    """What is wrong with pages of this size."""
    faults: list[str] = []
    (public, operators), named = _paths(), await _named(scene)
    async with quiet_page(browser, scene.url) as page:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=colours)
        for path in public:
            faults += await _faults(page, path)
        await sign_in(page)
        for path in operators:
            faults += await _faults(page, named.get(path, path))
    return [f"{size['width']} px, {colours}: {fault}" for fault in faults]


async def test_every_page_is_for_everybody(browser: Browser, scene: Scene) -> None:
    # both at once: half of the time is waiting until a page is silent
    found = await asyncio.gather(
        _sweep(browser, scene, DESKTOP, "light"),
        _sweep(browser, scene, PHONE, "dark"),
    )
    faults = [fault for one in found for fault in one]
    assert faults == [], "\n".join(faults)
