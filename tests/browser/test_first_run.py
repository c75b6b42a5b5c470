"""An empty folder becomes a node that sells, in a browser and in less than two minutes."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import ConsoleMessage, Page, expect

from tests.browser.first_run import WAIT_MS, NewNode, first_run, open_new_node
from tests.browser.scene import DESKTOP, PASSWORD, open_browser

LIMIT_S = 120.0


@pytest_asyncio.fixture(loop_scope="session")
async def new(tmp_path: Path) -> AsyncIterator[NewNode]:
    async with open_new_node(tmp_path) as new:
        yield new


@pytest_asyncio.fixture(loop_scope="session")
async def page() -> AsyncIterator[Page]:
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # what a page refuses is an error to the browser, too
        if message.type in {"error", "warning"} and "the server responded" not in message.text:
            complaints.append(message.text)

    async with open_browser() as browser:
        page = await browser.new_page(viewport=DESKTOP, locale="en-US")
        page.set_default_timeout(WAIT_MS)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert complaints == []


async def nothing(_name: str) -> None:
    """No screenshot is wanted."""


async def test_the_first_run_and_the_page_of_security(new: NewNode, page: Page) -> None:
    main = page.locator("main")

    async def press(name: str) -> None:
        await main.get_by_role("button", name=name, exact=True).click()

    await page.goto(f"{new.node.url}/admin")
    await expect(main.get_by_text("This node is new")).to_be_visible()
    link = new.link
    began = time.monotonic()
    await first_run(page, new, nothing)
    assert time.monotonic() - began < LIMIT_S
    await press("Give back the rest")
    await expect(main.get_by_text("sat, as a token")).to_be_visible()
    await page.goto(new.node.url + link)  # was good once
    await expect(page).to_have_url(f"{new.node.url}/admin")

    await page.goto(f"{new.node.url}/admin/security")
    await main.get_by_text("New token").click()
    await main.get_by_label("Name").fill("a script")
    await press("Make the token")
    token = await page.locator("#new-token").inner_text()
    headers = {"Authorization": f"Bearer {token}"}
    api = f"{new.node.url}/admin/api/upstream-providers"
    assert (await page.request.get(api, headers=headers)).status == 200
    assert (await page.request.post(api, headers=headers, data={})).status == 403
    await press("Revoke a script")
    await expect(main.get_by_text("The token is revoked.")).to_be_visible()
    assert (await page.request.get(api, headers=headers)).status == 403
    await main.get_by_label("Current password").fill(PASSWORD)
    await main.get_by_label("New password").fill("a better password")
    await press("Change the password")
    await expect(main.get_by_text("The password is changed.")).to_be_visible()

    logged = "".join(file.read_text() for file in (new.node.folder / "logs").glob("*"))
    code = link.partition("code=")[2]
    for secret in (PASSWORD, token, code):
        assert secret not in logged
