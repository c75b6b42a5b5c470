"""The operator's pages of models and providers: each page and each button once."""

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.scene import Scene

MODEL = "good"


async def test_models_are_searched_priced_tried_and_switched(scene: Scene, operator: Page) -> None:
    page = operator
    before = await _price(page)
    await page.goto("/admin/models")
    await expect(page.locator("tbody tr").first).to_contain_text("sat")
    await page.fill("#f-search", MODEL)
    await page.click("form[role=search] button")
    await page.click(f"th a:text-is('{MODEL}')")
    await expect(page.locator("#why + .big")).to_contain_text("exchange fee")
    await page.get_by_role("button", name="Ask now").click()
    await expect(page.locator("#tried")).to_contain_text("It works.")
    await expect(page.locator("#tried")).to_contain_text("No client was charged")

    own = page.get_by_label("My own in USD, fees on top")
    await own.check()  # opens its prices
    await expect(page.locator("#f-input")).to_be_visible()
    await page.get_by_label("Free: it costs nothing").check()
    await page.fill("#f-input", "0")  # who writes a price means it
    await expect(own).to_be_checked()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("free")
    await page.fill("#f-input", "3")
    await page.fill("#f-fee", "2")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").first).to_contain_text("Saved")
    assert await _price(page) == before * 3  # half as much again, twice the fee
    await page.get_by_role("button", name="Undo my changes").click()
    await expect(page.get_by_role("status").first).to_contain_text("undone")
    assert await _price(page) == before
    await _many(page)


async def _many(page: Page) -> None:
    """What is picked is switched off and on, gets a fee, and loses it."""
    here = f"/admin/models?search={MODEL}"
    await page.goto(here)
    for press, which in (("Switch off", "off"), ("Switch on", "sold")):
        await page.check("[data-pick-all]")
        await page.get_by_role("button", name=press).click()
        await expect(page.get_by_role("status")).to_contain_text("1 models changed")
        await page.select_option("#f-which", which)
        await expect(page.locator("tbody tr")).to_have_count(1)
        await page.goto(here)
    await page.get_by_role("button", name="Set fee").click()
    await expect(page.get_by_role("alert")).to_contain_text("Pick one model")
    await page.check("[data-pick-all]")
    await page.fill("#f-fee", "1.5")
    await page.get_by_role("button", name="Set fee").click()
    await expect(page.locator("tbody tr")).to_contain_text("1.5")
    await page.check("[data-pick-all]")
    await page.get_by_role("button", name="Undo my changes").click()
    await page.goto("/admin/models?which=changed")
    await expect(page.locator(".empty")).to_be_visible()
    await page.click("text=Show all")


async def test_a_provider_is_added_tried_rotated_and_removed(scene: Scene, operator: Page) -> None:
    page = operator
    await page.goto("/admin/providers")
    await expect(page.locator("main")).to_contain_text("from the environment")
    await page.click("main h2 a")
    await expect(page.get_by_role("status").first).to_contain_text("set in the environment")
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator("#probe")).to_contain_text("Key 1")
    await page.get_by_role("button", name="Try again at once").click()
    await expect(page.get_by_role("status").first).to_contain_text("goes there again")

    await page.click("text=All providers")
    await page.click("text=New provider")
    await page.select_option("#f-provider_type", "generic")
    await page.fill("#f-base_url", "no address")
    await page.get_by_role("button", name="Add provider").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.fill("#f-base_url", scene.house.upstream.base_url)
    await page.fill("#f-slug", "spare")
    await page.fill("#f-api_key", "sk-planted-first")
    await page.get_by_role("button", name="Add provider").click()
    await expect(page.get_by_role("status").first).to_contain_text("It is added")

    await page.fill("#f-new-key", "sk-planted-second")
    await page.get_by_role("button", name="Add key").click()
    await expect(page.locator("tbody tr")).to_have_count(2)
    assert "sk-planted" not in await page.content()
    await page.get_by_role("button", name="Remove key 1").click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.get_by_role("button", name="Switch off").click()
    await expect(page.locator(".tools .badge")).to_have_text("switched off")
    await page.get_by_role("button", name="Switch on").click()
    await page.fill("#f-priority", "5")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").first).to_contain_text("Saved")
    await page.click("summary:has-text('Remove this provider')")
    await page.get_by_role("button", name="Remove for good").click()
    await expect(page.get_by_role("status")).to_contain_text("spare is removed")


async def _price(page: Page) -> float:
    """What a client reads for a token of input."""
    listed: Any = await (await page.request.get(f"/v1/models/{MODEL}")).json()
    return round(float(listed["sats_pricing"]["prompt"]), 12)
