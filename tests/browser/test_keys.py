"""The operator's pages of keys and of the books: each page and each button once."""

import csv
import re

from playwright.async_api import Page, expect

from tests.browser.scene import Scene
from tests.integration.money.house import Client

WAIT_MS = 30_000
_SECRET = re.compile(r"sk-[0-9a-f]{64}|cashu[AB]")


async def test_keys_are_found_paid_out_credited_and_ended(scene: Scene, operator: Page) -> None:
    page = operator
    client, payer = scene.house.client, scene.payer
    secret = await client.new_key(await payer.token(300))
    await client.call("POST", "/v1/balance/donate", params={"token": await payer.token(64)})
    key = (await client.info(secret)).json["id"]
    await _find(page, key)
    token = await _pay_out(page, key)
    await _credit_and_limit(page, key)
    last = await _end(page, client, secret)
    for given, worth in ((token, 100), (last, 207)):
        assert await payer.redeem(given) == worth
    await _make_new_ones(page, client, await payer.token(32))
    await page.click("text=Filter and export")
    await _read_the_books(page, key)


async def _find(page: Page, key: str) -> None:
    await page.goto("/admin/keys")
    await page.select_option("#f-which", "revoked")
    await expect(page.locator(".empty")).to_be_visible()
    await page.fill("#f-search", key[:10])
    await page.click("form[role=search] button")
    await page.click(f"text={key}")


async def _pay_out(page: Page, key: str) -> str:
    await page.click("summary:has-text('Give its balance out')")
    await page.fill("#f-withdraw", "100")
    await page.click("button:has-text('Make the token')")
    token = await page.inner_text("#token-text")
    await expect(page.locator("#available")).to_contain_text("200")
    await page.goto(f"/admin/keys/{key}")
    assert _SECRET.search(await page.content()) is None
    await page.click("button:has-text('Show again')")
    assert await page.inner_text("#token-text") == token
    return token


async def _credit_and_limit(page: Page, key: str) -> None:
    await page.goto(f"/admin/keys/{key}")
    await page.click("summary:has-text('Top up')")
    await page.fill("#f-topup", "1000")
    await page.click("button:text-is('Credit')")
    await expect(page.locator(".notice.bad")).to_be_visible()
    await page.fill("#f-topup", "7")
    await page.click("button:text-is('Credit')")
    await expect(page.locator("#available")).to_contain_text("207")

    await page.click("summary:has-text('Name, note')")
    await page.fill("#f-note", "from the fair")
    await page.fill("#f-limit", "50")
    await page.select_option("#f-reset", "weekly")
    await page.click("button:text-is('Save')")
    await expect(page.locator(".facts")).to_contain_text("50 sat a week")


async def _end(page: Page, client: Client, secret: str) -> str:
    await page.click("summary:has-text('Let it expire')")
    await page.click("button:text-is('Expire now')")
    await expect(page.locator(".notice.good")).to_be_visible()
    assert (await client.chat(secret)).error[2] == "key_expired"
    await page.click("summary:has-text('Revoke it')")
    await page.click("button:text-is('Revoke for good')")
    last = await page.inner_text("#token-text")
    assert (await client.info(secret)).error[2] == "invalid_api_key"
    return last


async def _make_new_ones(page: Page, client: Client, token: str) -> None:
    await page.goto("/admin/keys/new")
    await page.fill("#f-token", token)
    await page.click("button:text-is('Make the key')")
    made = await page.inner_text("#new-key")
    assert (await client.chat(made)).status == 200
    await page.goto("/admin/keys/new")
    await page.check("[value=own]")
    await page.fill("#f-amount", "9")
    await page.click("button:text-is('Make the key')")
    await page.click("a:has-text('To the key')")
    await expect(page.locator("#available")).to_contain_text("9")


async def _read_the_books(page: Page, key: str) -> None:
    await page.goto("/admin/transactions")
    await page.select_option("#f-kind", "refund")
    await page.fill("#f-key", key)
    await page.click("button:text-is('Filter')")
    await expect(page.locator("tbody tr")).to_have_count(2)
    async with page.expect_download() as coming:
        await page.click("text=Export CSV")
    path = await (await coming.value).path()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["debit_key"] for row in rows] == [key, key]
    await page.click("nav.tabs >> text=Lightning invoices")
    await expect(page.locator("nav.tabs [aria-current]")).to_have_text("Lightning invoices")
    await page.click("nav.tabs >> text=Tokens given out")
    await page.select_option("#f-status", "issued")
    await page.click("button:text-is('Filter')")
    row = page.locator(f"tr:has-text('{key}')").first
    await row.locator("button").click()
    await expect(page.locator("tbody .badge.good")).to_have_count(1)
