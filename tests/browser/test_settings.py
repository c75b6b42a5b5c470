"""The operator finds a setting, mistypes it, saves it, sees it in use, and takes it back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import ConsoleMessage, Page, expect

from tests.browser.scene import DESKTOP, PASSWORD, open_browser
from tests.integration.money.house import House, open_house

WAIT_MS = 60_000
SETTINGS = {"ADMIN_PASSWORD": PASSWORD, "UPSTREAM_PROVIDER_FEE": ""}


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """No mint is needed to set prices."""
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    async with open_house(tmp_path, url, [], more=SETTINGS) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def page(house: House) -> AsyncIterator[Page]:
    """The operator's, signed in; nothing may complain."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "the server responded" not in message.text:
            complaints.append(message.text)

    async with open_browser() as browser:
        context = await browser.new_context(viewport=DESKTOP, locale="en-US")
        page = await context.new_page()
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{house.client.url}/admin/login")
        await page.fill("[name=password]", PASSWORD)
        await page.click("main button")
        await page.wait_for_url("**/admin*")
        yield page
    assert complaints == []


async def price(house: House) -> float:
    models = (await house.client.call("GET", "/v1/models")).json["data"]
    return next(float(one["sats_pricing"]["prompt"]) for one in models if one["id"] == "good")


async def test_a_price_is_found_mistyped_saved_and_taken_back(house: House, page: Page) -> None:
    await page.goto(f"{house.client.url}/admin/settings")
    await expect(page.locator(".settings-group")).not_to_have_count(0)
    await page.get_by_label("Find a setting").fill("margin")
    fee = page.get_by_label("Upstream provider fee", exact=True)
    await expect(fee).to_have_value("1.05")
    await expect(page.locator("#logs")).to_be_hidden()
    await page.get_by_label("Find a setting").fill("nothing is called this")
    await expect(page.get_by_text("No setting is called like this")).to_be_visible()
    await page.get_by_label("Find a setting").fill("")

    pricing = page.locator("#pricing")
    await expect(fee).to_be_hidden()
    await pricing.locator("summary").click()
    save = pricing.get_by_role("button", name="Save")
    await expect(save).to_be_disabled()
    await fee.fill("0")
    await save.click()
    await expect(pricing.get_by_text("Not saved: nothing has changed.")).to_be_visible()
    await expect(pricing.get_by_text("Should be greater than 0.")).to_be_visible()
    await expect(fee).to_have_value("0")

    before = await price(house)
    await fee.fill("2.1")
    await save.click()
    await expect(pricing.get_by_text("The node uses it from now on.")).to_be_visible()
    await expect(pricing.get_by_text("set here", exact=True)).to_be_visible()
    assert await price(house) == before * 2
    await expect(pricing.get_by_label("Exchange fee", exact=True)).to_be_disabled()
    await expect(pricing.get_by_text("Locked: EXCHANGE_FEE")).to_be_visible()

    await pricing.get_by_role("button", name="Back to the usual Upstream provider fee").click()
    await expect(fee).to_have_value("1.05")
    assert await price(house) == before

    await check_other_fields(page)


async def check_other_fields(page: Page) -> None:
    """Lists and switches."""
    await page.locator("#responsecache summary").click()
    await page.get_by_label("Response cache for").fill("temperature\nseed")
    await page.locator("#responsecache .save").click()
    await expect(page.locator("#responsecache .notice.good")).to_be_visible()
    await page.locator("#limits summary").click()
    await page.get_by_label("Store answers").check()
    await page.locator("#limits .save").click()
    await expect(page.locator("#limits .notice.good")).to_be_visible()
    await page.reload()
    await page.locator("#limits summary").click()
    await expect(page.get_by_label("Store answers")).to_be_checked()
