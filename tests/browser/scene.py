"""A running node with two real mints, a played provider, some customers, and a browser.

What the pages show has really happened: keys were bought and spent, a refund lies unclaimed.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from devkit.lnurl import LnurlServer
from devkit.mint import Mint, MintOptions
from devkit.payer import Payer
from scripts import chromium
from tests.integration.money.house import House, open_house

PASSWORD: Final = "correct horse battery"
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP: Final = ViewportSize(width=1280, height=800)
PHONE: Final = ViewportSize(width=360, height=740)


@dataclass
class Scene:
    """Who is there. ``keys`` are API keys with money on them."""

    house: House
    mint: Mint
    second_mint: Mint
    payer: Payer
    bob: LnurlServer
    keys: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.house.client.url


@asynccontextmanager
async def open_scene(
    folder: Path, database_url: str = "", *, more: Mapping[str, str] | None = None
) -> AsyncIterator[Scene]:
    """Start everything below ``folder``."""
    database_url = database_url or f"sqlite:///{folder / 'routstr.db'}"
    first, second = await asyncio.gather(
        Mint.start(folder / "first", name="first mint"),
        Mint.start(folder / "second", MintOptions(fee_ppk=100), name="second mint"),
    )
    settings = {
        "ADMIN_PASSWORD": PASSWORD,
        "NAME": "Satoshi's node",
        "UPSTREAM_FIRST_BYTE_SECONDS": "60",  # pages are looked at while a request is under way
        **(more or {}),
    }
    try:
        async with (
            LnurlServer() as bob,
            Payer(first.url) as payer,
            open_house(folder, database_url, [first.url, second.url], more=settings) as house,
        ):
            yield Scene(house, first, second, payer, bob)
    finally:
        await asyncio.gather(first.stop(), second.stop())


async def let_live(scene: Scene) -> None:
    """Let customers come, pay, fail and take money back."""
    client, payer = scene.house.client, scene.payer
    for amount in (500, 2_000, 64):
        scene.keys.append(await client.new_key(await payer.token(amount)))
    for _ in range(3):
        for key in scene.keys[:2]:
            await client.chat(key)
    await client.chat(scene.keys[0], "error-500")
    await client.pay(await payer.token(200))
    await client.refund(scene.keys[2])


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Start Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium.find(), args=list(FLAGS)
        )
        yield browser
        await browser.close()


async def sign_in(page: Page, url: str = "") -> None:
    """Become the operator; ``url`` unless the page's context knows it."""
    await page.goto(f"{url}/admin/login")
    await page.fill("[name=password]", PASSWORD)
    await page.click("main button")
    await page.wait_for_url("**/admin")
