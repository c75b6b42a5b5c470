"""The operator makes a key, sees the node announced, signs in with a key of theirs, withdraws."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from devkit.relay import NostrRelay
from routstr.core.secret import Secret
from routstr.discovery.announcement import ANNOUNCEMENT
from routstr.discovery.events import Draft
from routstr.discovery.identity import Identity
from tests.browser.scene import DESKTOP, PASSWORD, open_browser
from tests.integration.money.house import House, open_house

pytestmark = pytest.mark.slow
WAIT_MS = 60_000
BOB = Identity(Secret("33" * 32))
EXTENSION = "window.nostr = { signEvent: (event) => window.signed(event) }"


@pytest_asyncio.fixture(loop_scope="session")
async def relay() -> AsyncIterator[NostrRelay]:
    async with NostrRelay() as relay:
        yield relay


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, relay: NostrRelay) -> AsyncIterator[House]:
    settings = {
        "ADMIN_PASSWORD": PASSWORD,
        "ADMIN_NPUB": BOB.npub,
        "RELAYS": relay.url,
        "HTTP_URL": "https://node.example.com",
        "REQUIRE_HTTPS": "false",
    }
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    async with open_house(tmp_path, url, [], more=settings) as house:
        yield house


def sign(event: dict[str, Any]) -> Any:
    """What an extension of the browser answers."""
    tags = tuple(tuple(tag) for tag in event["tags"])
    return msgspec.to_builtins(BOB.sign(Draft(event["kind"], tags), event["created_at"]))


async def sign_in(page: Page, house: House) -> None:
    await page.expose_function("signed", sign)
    await page.add_init_script(EXTENSION)
    await page.goto(f"{house.client.url}/admin/login")
    await page.get_by_role("button", name="Sign in with Nostr").click()
    await page.wait_for_url("**/admin*")


async def test_a_node_is_announced_and_withdrawn_by_buttons(
    house: House, relay: NostrRelay
) -> None:
    async with open_browser() as browser:
        page = await browser.new_page(viewport=DESKTOP, locale="en-US")
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        await sign_in(page, house)
        await page.goto(f"{house.client.url}/admin/nostr")
        await page.get_by_role("button", name="Make a key for this node").click()
        await expect(page.get_by_text("has it", exact=True)).to_be_visible()
        assert len(relay.held(ANNOUNCEMENT)) == 1
        await page.get_by_role("button", name="Withdraw the announcement").click()
        await expect(page.get_by_text("withdrawn", exact=True)).to_be_visible()
        async with asyncio.timeout(WAIT_MS / 1_000):
            while relay.held(ANNOUNCEMENT):  # noqa: ASYNC110 - what another process does
                await asyncio.sleep(0.1)
        await page.get_by_role("button", name="Announce again").click()
        await expect(page.get_by_text("has it", exact=True)).to_be_visible()
        await page.get_by_text("Use another key").click()
        await page.get_by_label("Secret key").fill("44" * 32)
        await page.get_by_role("button", name="Use this key").click()
        await expect(page.get_by_text(Identity(Secret("44" * 32)).npub)).to_be_visible()
        await page.get_by_text("Use another key").click()
        await page.get_by_role("button", name="Forget the key").click()
        await expect(page.get_by_text("no key", exact=True)).to_be_visible()
