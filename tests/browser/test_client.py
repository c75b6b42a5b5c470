"""A client without any tool: buys a key, watches it, spends it, takes the money back."""

import re
from pathlib import Path

import cbor2
from playwright.async_api import Page, expect

from routstr.theme.animated import parts
from tests.browser.scene import Scene

WAIT_MS = 30_000
_KEY = re.compile(r"sk-[0-9a-f]{64}")
_CAMERA = """
window.BarcodeDetector = class { async detect() {
  window.turn = (window.turn ?? 0) + 1;
  return [{ rawValue: window.seen?.[window.turn % window.seen.length] ?? "" }];
} };
Object.defineProperty(navigator, "mediaDevices", { value: {
  getUserMedia: async () => {
    const canvas = document.createElement("canvas");
    setInterval(() => canvas.getContext("2d").fillRect(0, 0, 9, 9), 50);
    return canvas.captureStream(20);
  },
} });
"""


async def _sats(page: Page, selector: str) -> int:
    text = await page.locator(selector).inner_text()
    return round(float(text.split()[0].replace(",", "")) * 1_000)


async def test_a_client_without_any_tool(page: Page, scene: Scene) -> None:
    expect.set_options(timeout=WAIT_MS)
    await page.add_init_script(_CAMERA)
    key = await _buys_over_lightning(page, scene)
    await _looks_at_prices(page)
    await _sees_the_balance_move(page, scene, key)
    await _tops_up(page, scene)
    await _keeps_the_history(page)
    await _makes_child_keys(page, scene)
    key = await _rotates(page, scene, key)
    await _takes_the_money_back(page, scene, key)
    await _buys_with_ecash(page, scene)
    assert not scene.house.leaks()


async def _buys_over_lightning(page: Page, scene: Scene) -> str:
    await page.goto(scene.url)
    await page.get_by_role("button", name="500 sat").click()
    await page.get_by_role("button", name="Show the invoice").click()
    # the mint's wallet pays by itself
    await expect(page.locator("#bought")).to_be_visible()
    key = await page.locator("#new-key").inner_text()
    assert _KEY.fullmatch(key)
    assert (await scene.house.client.balance(key))[0] == 500_000
    for tab in ("curl", "Python", "Node.js", "Claude Code", "Apps"):
        await page.get_by_role("tab", name=tab).click()
        assert key in await page.locator("[role=tabpanel]:visible").inner_text()
    assert scene.url in await page.locator("#app-base").inner_text()
    assert key not in page.url
    return key


async def _looks_at_prices(page: Page) -> None:
    rows = page.locator("#price-rows tr:visible")
    assert await rows.count() == 20
    await page.get_by_role("button", name="Show all").click()
    assert await rows.count() > 20
    await page.get_by_label("Find a model").fill("draws")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("for each picture that is made")
    await page.get_by_label("Find a model").fill("")
    await page.get_by_label("Sort by").select_option("name")
    await page.locator("#c-model").select_option("good")
    await page.get_by_label("Tokens in").fill("2000")
    await page.get_by_label("Tokens out").fill("1000")
    # 2 msat and 8 msat a token, and 1 msat for the request
    await expect(page.locator("#cost-sat")).to_have_text("12.001")
    await expect(page.locator("#cost-usd")).to_have_text("$0.012")


async def _sees_the_balance_move(page: Page, scene: Scene, key: str) -> None:
    await page.get_by_role("link", name="Open its page").first.click()
    await expect(page.locator("#balance")).to_have_text("500 sat")
    await expect(page.locator("#live")).to_have_text("Live")
    cost = (await scene.house.client.chat(key)).cost
    await expect(page.locator("#requests")).to_have_text("1")
    assert await _sats(page, "#balance") == 500_000 - cost
    await expect(page.locator("#usage-table tbody tr")).to_contain_text("good")
    await expect(page.locator("#history tbody tr").first).to_contain_text("Request")


async def _tops_up(page: Page, scene: Scene) -> None:
    await page.locator("#top-up").get_by_role("button", name="500 sat").click()
    await page.get_by_role("button", name="Show the invoice").click()
    await expect(page.locator("#told")).to_have_text("500 sat arrived.")
    await page.evaluate("token => { window.seen = ['', token]; }", await scene.payer.token(100))
    await page.get_by_role("button", name="Scan").click()
    await expect(page.locator("#told")).to_have_text("100 sat arrived.")
    await page.get_by_label("Token").fill("cashuBnonsense")
    await page.get_by_role("button", name="Add to the key").click()
    await expect(page.locator("#top-up [data-problem]:visible")).to_contain_text(
        "not a Cashu token"
    )


async def _keeps_the_history(page: Page) -> None:
    await page.get_by_text("Change name, expiry, payout").click()
    await page.locator("#f-name").fill("My =SUM phone")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#about-name")).to_have_text("My =SUM phone")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download as CSV").click()
    lines = Path(await (await download.value).path()).read_text().splitlines()
    assert lines[0].startswith("id,created_at,kind")
    assert {line.split(",")[2] for line in lines[1:]} == {"deposit", "charge"}


async def _makes_child_keys(page: Page, scene: Scene) -> None:
    form = page.locator("#make-children")
    await page.get_by_text("Make child keys").click()
    await form.get_by_label("Name").fill("phone")
    await form.get_by_label("Limit in sat").fill("50")
    await form.get_by_label("The limit is for").select_option("daily")
    await form.get_by_role("button", name="Make them").click()
    child = await page.locator("#new-children code").inner_text()
    await scene.house.client.chat(child)
    row = page.locator("#children tbody tr")
    await expect(row).to_contain_text("Requests: 1")
    await expect(row).to_contain_text("50 sat a day")
    await row.get_by_role("button", name="Count anew").click()
    await expect(row).to_contain_text("50 sat left")
    await row.get_by_role("button", name="End it").click()
    await page.get_by_role("button", name="Yes").click()
    await expect(row).to_have_count(0)
    assert (await scene.house.client.info(child)).status == 401


async def _rotates(page: Page, scene: Scene, old: str) -> str:
    await page.get_by_role("button", name="Replace this key").click()
    await page.locator("#sure").get_by_role("button", name="Cancel").click()
    await page.get_by_role("button", name="Replace this key").click()
    await page.get_by_role("button", name="Yes").click()
    await expect(page.locator("#rotated")).to_be_visible()
    new = await page.locator("#rotated-key").inner_text()
    assert _KEY.fullmatch(new)
    assert new != old
    assert (await scene.house.client.info(old)).status == 401
    assert (await scene.house.client.info(new)).status == 200
    await expect(page.locator("#live")).to_have_text("Live")
    return new


async def _takes_the_money_back(page: Page, scene: Scene, key: str) -> None:
    have = (await scene.house.client.balance(key))[0]
    await page.get_by_role("button", name="Give me a token").click()
    token = await page.locator("#refunded code").inner_text()
    await expect(page.locator("#refunded svg")).to_be_visible()
    received = await scene.payer.redeem(token)
    assert have - 1_000 < received * 1_000 <= have
    await expect(page.locator("#balance")).to_have_text(re.compile(r"^0\.\d+ sat$"))
    await scene.house.client.topup(key, await scene.payer.token(300))
    await expect(page.locator("#balance")).to_have_text(re.compile(r"^300\.\d+ sat$"))
    await page.locator("#f-lightning").fill(scene.bob.address)
    await page.get_by_role("button", name="Pay it out").click()
    await page.get_by_role("button", name="Yes").click()
    await expect(page.locator("#told")).to_contain_text("were paid to")
    await page.get_by_role("button", name="Close this key").click()
    await expect(page.locator("#enter")).to_be_visible()
    await page.get_by_label("Key", exact=True).fill("sk-nobody's")
    await page.get_by_role("button", name="Open", exact=True).click()
    await expect(page.locator("#enter [data-problem]")).to_contain_text("does not know this key")


async def _buys_with_ecash(page: Page, scene: Scene) -> None:
    await page.get_by_role("link", name="I have none yet").click()
    token = await scene.payer.token(64)
    series = parts(cbor2.dumps(token.encode()), 40)
    mixed = series[0].replace("/1-", "/9-")  # says of itself that it is of a later round
    seen = [*reversed(series), series[0].upper()[:-1], mixed, "https://elsewhere.example"]
    await page.evaluate("codes => { window.seen = codes; }", seen)
    await page.get_by_role("button", name="Scan").click()
    await expect(page.locator("#bought")).to_be_visible()
    key = await page.locator("#new-key").inner_text()
    assert (await scene.house.client.balance(key))[0] == 64_000
    assert await page.evaluate("document.cookie") == ""
    assert await page.evaluate("localStorage.length") == 0
