"""Chatting in a browser: with a key, with a token, stopped; then the story of a request."""

import re

from playwright.async_api import Page, expect

from tests.browser.scene import Scene, sign_in


async def test_a_chat_is_paid_message_by_message(page: Page, scene: Scene) -> None:
    await _chats_with_a_key(page, scene)
    await _chats_with_a_token(page, scene)
    await _reads_the_documents(page, scene)
    await _tells_the_story(page, scene)


async def _say(page: Page, model: str, text: str = "Hello") -> None:
    await page.get_by_label("Model", exact=True).select_option(model)
    await page.get_by_label("Message", exact=True).fill(text)
    await page.get_by_role("button", name="Send").click()


async def _chats_with_a_key(page: Page, scene: Scene) -> None:
    key = await scene.house.client.new_key(await scene.payer.token(500))
    await page.goto(f"{scene.url}/play")
    await page.get_by_label("Key or Cashu token").fill("nonsense")
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator("#pay [data-problem]")).to_contain_text("neither a key")
    await page.get_by_label("Key or Cashu token").fill(key)
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator("#left")).to_have_text("500 sat")
    await _say(page, "good")
    last = page.locator(".said").last
    await expect(last).to_contain_text(re.compile(r"Cost: [\d.]+ sat · left: 49\d"))
    left = (await scene.house.client.balance(key))[0]
    await expect(page.locator("#left")).to_have_text(f"{left / 1_000:g} sat")
    await _say(page, "error-200")
    await expect(page.locator("#say [data-problem]")).to_be_visible()
    await expect(page.locator(".said")).to_have_count(2)
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.locator(".said")).to_have_count(0)


async def _chats_with_a_token(page: Page, scene: Scene) -> None:
    await page.get_by_role("button", name="Pay with something else").click()
    await page.get_by_label("Key or Cashu token").fill(await scene.payer.token(300))
    await page.get_by_role("button", name="Use it").click()
    for left in ("29", "29"):
        await _say(page, "good")
        await expect(page.locator(".said").last).to_contain_text(f"left: {left}")
    change = await page.evaluate("sessionStorage.getItem('routstr.play.token')")
    assert change.startswith("cashu")
    assert await page.evaluate("sessionStorage.getItem('routstr.play.sent')") is None
    assert 290 <= await scene.payer.redeem(change) <= 300
    await _say(page, "good")
    await expect(page.locator("#say [data-problem]")).to_contain_text("spent")


async def _reads_the_documents(page: Page, scene: Scene) -> None:
    await page.goto(f"{scene.url}/docs")
    await expect(page.locator("main")).to_contain_text("/v1/chat/completions")
    await expect(page.locator("main")).to_contain_text("X-Cashu")
    await page.goto(f"{scene.url}/nowhere")
    await expect(page.locator("h1")).to_have_text("There is nothing here")


async def _tells_the_story(page: Page, scene: Scene) -> None:
    await sign_in(page, scene.url)
    await page.goto(f"{scene.url}/admin/logs?search=chat%2Fcompletions")
    # the newest was refused: its token had been spent
    await page.locator("tbody tr", has_text=re.compile(r"\b200\b")).locator("a").first.click()
    await expect(page.locator("main")).to_contain_text("a token of its own (X-Cashu)")
    await page.get_by_role("link", name="All lines").click()
    await page.get_by_label("Level").select_option("warning")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_label("Level")).to_have_value(re.compile("warning", re.IGNORECASE))
