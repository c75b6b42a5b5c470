"""The operator looks at the wallet, takes out what is the node's own, and checks the books."""

import re

from playwright.async_api import Page, expect

from tests.browser.scene import Scene

WAIT_MS = 60_000
GIFT_SAT = 3_000


async def test_the_wallet_is_looked_at_emptied_and_checked(scene: Scene, operator: Page) -> None:
    page = operator
    gift = {"token": await scene.payer.token(GIFT_SAT)}
    await scene.house.client.call("POST", "/v1/balance/donate", json=gift)
    await page.goto(f"{scene.url}/admin/wallet")
    await expect(page.locator("#mints table").first).to_contain_text("sat")
    await expect(page.locator("#mints")).not_to_contain_text("Show")
    await page.locator("#mints summary").first.click()
    await expect(page.locator("#mints meter").first).to_be_visible()
    await page.get_by_role("button", name="Tidy now").click()
    await expect(page.get_by_role("status").filter(has_text=re.compile("[Tt]idy"))).to_be_visible()

    await page.get_by_role("link", name="Take out").first.click()
    await page.fill("#token-amount", "99999")
    await page.get_by_role("button", name="Make the token").click()
    await expect(page.get_by_role("alert")).to_contain_text("more than is yours")
    await page.fill("#token-amount", "1365")
    await page.get_by_role("button", name="Make the token").click()
    await expect(page.locator("#token-text")).to_contain_text("cashuB")
    token = await page.locator("#token-text").inner_text()
    await _series(page)
    await page.reload()
    await expect(page.locator("#token-text")).to_have_text(token)
    assert await scene.payer.redeem(token) > 0

    await _pay_out_and_move(scene, page)

    await page.get_by_role("link", name="Movements").click()
    await expect(page.locator("main")).to_contain_text("Nothing is open")
    await page.get_by_role("link", name="Check", exact=True).click()
    await page.get_by_role("button", name="Check everything").click()
    await expect(page.locator("#check")).to_contain_text("Every equation holds")
    outcome = await scene.house.audit()
    owed = page.locator("#check .facts dd").nth(1)
    await expect(owed).to_contain_text(f"{outcome.owed / 1_000:,.3f}".rstrip("0").rstrip("."))


async def _pay_out_and_move(scene: Scene, page: Page) -> None:
    await page.goto(f"{scene.url}/admin/wallet/out")
    await page.fill("#payout-to", scene.bob.address)
    await page.fill("#payout-amount", "100")
    await page.get_by_role("button", name="Pay out now").click()
    await expect(page.locator("main")).to_contain_text("It is paid.")
    await page.get_by_role("link", name="Back").click()
    await expect(page.locator("main table").first).to_contain_text("over Lightning")

    await page.select_option("#move-from", scene.mint.url)
    await page.select_option("#move-to", scene.second_mint.url)
    await page.fill("#move-amount", "200")
    await page.get_by_role("button", name="Move", exact=True).click()
    await expect(page.locator("#moves")).to_contain_text("arrived")


async def _series(page: Page) -> None:
    """A long token moves; it can be stopped and stepped through."""
    await page.get_by_role("button", name="Pause").click()
    now = page.locator("[data-series-now]")
    before = int(await now.inner_text())
    total = await page.locator("[data-series] .code > div").count()
    await page.get_by_role("button", name="Next code").click()
    await expect(now).to_have_text(str(before % total + 1))
    shown = page.locator("[data-series] .code > div:not([hidden])")
    assert await shown.count() == 1
    await expect(page.get_by_role("button", name="Go on")).to_be_visible()
