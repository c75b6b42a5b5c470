"""Every page, on a desktop by day, on a phone by night: whole, silent, usable by everybody."""

from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize

from tests.browser.conftest import quiet_page
from tests.browser.scene import DESKTOP, PHONE, Scene, sign_in

PUBLIC = ("/", "/key", "/play", "/docs", "/admin/login")
OPERATORS = (
    "/admin",
    "/admin/keys",
    "/admin/keys/new",
    "/admin/models",
    "/admin/models/one?provider=custom&model=good",
    "/admin/providers",
    "/admin/providers/new",
    "/admin/providers/custom",
    "/admin/wallet",
    "/admin/wallet/out",
    "/admin/transactions",
    "/admin/settings",
    "/admin/security",
)
_SERIOUS = frozenset({"serious", "critical"})


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
    for one in (await Axe().run(page)).response["violations"]:
        if one["impact"] in _SERIOUS:
            where = "; ".join(node["html"][:120] for node in one["nodes"][:3])
            found.append(f"{path}: {one['id']}: {where}")
    return found


@pytest.mark.parametrize(
    ("size", "colours"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"]
)
async def test_every_page_is_for_everybody(
    browser: Browser, scene: Scene, size: ViewportSize, colours: Literal["light", "dark"]
) -> None:
    faults: list[str] = []
    async with quiet_page(browser, scene.url) as page:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=colours)
        for path in PUBLIC:
            faults += await _faults(page, path)
        await sign_in(page)
        for path in OPERATORS:
            faults += await _faults(page, path)
    assert faults == [], "\n".join(faults)
