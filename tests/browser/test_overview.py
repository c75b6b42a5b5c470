"""The operator's overview: figures that move by themselves, charts, alerts, the switch."""

import asyncio
from functools import partial
from typing import Any

from playwright.async_api import Locator, Page, expect

from routstr.core.db import Database
from routstr.payment import alert_store
from routstr.payment.alert_store import Alarm
from tests.browser.scene import Scene

CHARTS = ("earnings", "requests", "models", "providers")
_DRAWN = """canvas => canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data.some(value => value > 0)"""


async def test_the_overview_lives_and_deposits_can_be_closed(scene: Scene, operator: Page) -> None:
    await operator.goto("/admin")
    await _sees_a_request(scene, operator)
    await _deals_with_an_alert(scene, operator)
    await _closes_deposits_for_a_while(scene, operator)
    for step, name in (("hour", "24 hours"), ("day", "30 days"), ("month", "12 months")):
        await operator.get_by_role("link", name=name).click()
        await _looks_at_charts(operator, step)


def _tile(page: Page, name: str) -> Locator:
    return page.locator(".tile").filter(has=page.locator(".name", has_text=name)).first


async def _figure(page: Page, name: str) -> float:
    text = await _tile(page, name).locator(".value").inner_text()
    return float(text.split()[0].replace(",", ""))


async def _sees_a_request(scene: Scene, page: Page) -> None:
    """The page is not loaded again: what it shows of a request came by itself."""
    before = [await _figure(page, name) for name in ("Revenue", "Requests", "Tokens")]
    assert min(before) > 0
    shown = _tile(page, "Tokens").locator(".value")
    await scene.house.client.chat(scene.keys[1])
    await expect(shown).not_to_contain_text(f"{before[2]:,.0f}")
    assert await _figure(page, "Revenue") > before[0]
    assert await _figure(page, "Requests") == before[1] + 1
    for name in ("Held in ecash", "Owed to clients", "Yours"):
        assert await _figure(page, name) > 0


async def _deals_with_an_alert(scene: Scene, page: Page) -> None:
    db = Database(scene.house.database_url)
    db.start()
    lost = [Alarm("ecash_lost", scene.mint.url)]
    await db.write(partial(alert_store.note, alarms=lost, at=1))
    await db.stop()
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text(f"Ecash is gone at the mint {scene.mint.url}")
    await expect(alert).to_contain_text("Check whether somebody else has the seed.")
    await alert.get_by_role("button", name="Done").click()
    await expect(alert).to_have_count(0)


async def _closes_deposits_for_a_while(scene: Scene, page: Page) -> None:
    client, payer = scene.house.client, scene.payer
    key = await client.new_key(await payer.token(32))
    token = await payer.token(16)
    await page.get_by_role("button", name="Take no new deposits").click()
    await expect(page.get_by_text("No new deposits are taken")).to_be_visible()
    refused = await client.create(token)
    assert refused.error == (503, "service_unavailable", "maintenance")
    assert (await client.chat(key)).status == 200
    assert (await client.refund(key)).status == 200
    await page.get_by_role("button", name="Take deposits again").click()
    await expect(page.get_by_text("No new deposits are taken")).to_have_count(0)
    assert (await client.create(token)).status == 200


async def _looks_at_charts(page: Page, step: str) -> None:
    canvases = page.locator(".chart canvas")
    await expect(canvases).to_have_count(len(CHARTS))
    for number in range(len(CHARTS)):
        assert await canvases.nth(number).evaluate(_DRAWN)
    answers = await asyncio.gather(
        *(page.request.get(f"/admin/charts/{what}?by={step}") for what in CHARTS)
    )
    for answer in answers:
        told: dict[str, Any] = await answer.json()
        assert sum(sum(one["values"]) for one in told["series"]) > 0
