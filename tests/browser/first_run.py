"""The first run, as an operator does it; ``python -m tests.browser.first_run FOLDER`` draws it.

From an empty folder to the first paid request, with a real mint and a played provider. What the
first screenshot shows is where the link leads that the node printed on its console.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.async_api import Page, expect

from devkit.environment import forget_surroundings
from devkit.mint import Mint
from devkit.node import Node
from devkit.prices import BTC_USD, write_models
from devkit.upstream import Upstream
from tests.browser.scene import DESKTOP, PASSWORD, open_browser

Shoot = Callable[[str], Awaitable[None]]
WAIT_MS: Final = 30_000
_LINK: Final = re.compile(r"http://\S+(/admin/setup\?code=\S+)")


@dataclass(frozen=True, slots=True)
class NewNode:
    """A node on which nothing is set up; models and the price of bitcoin are the test's."""

    node: Node
    mint: Mint
    upstream: Upstream

    @property
    def link(self) -> str:
        """Where the newest link on the console leads."""
        return str(_LINK.findall(self.node.output())[-1])


@asynccontextmanager
async def open_new_node(folder: Path) -> AsyncIterator[NewNode]:
    """Start a node in an empty folder, a mint and a provider that it does not know yet."""
    mint = await Mint.start(folder / "mint")
    settings = {
        "ALLOW_INSECURE_MINTS": "true",
        "BTC_USD": BTC_USD,
        "MODELS_PATH": str(write_models(folder / "models.json", ["good"])),
    }
    try:
        async with Upstream() as upstream:
            node = await Node.start(folder / "node", settings, healthy=False)
            try:
                yield NewNode(node, mint, upstream)
            finally:
                await node.stop(grace_s=5)
    finally:
        await mint.stop()


async def first_run(page: Page, new: NewNode, shoot: Shoot) -> None:
    """Go through all steps, up to a paid request."""
    main = page.locator("main")

    async def press(name: str) -> None:
        await main.get_by_role("button", name=name, exact=True).click()

    await page.goto(new.node.url + new.link)
    await main.get_by_label("Password").fill(PASSWORD)
    await shoot("1-password")
    await press("Begin")
    await main.get_by_label("Name").fill("Satoshi's node")
    await main.get_by_label("Description").fill("Good models for sats, run from a garage.")
    await shoot("2-name")
    await press("Save and continue")
    await main.get_by_label("Address of a mint").fill(new.mint.url)
    await press("Check")
    await expect(main.get_by_text("Lightning in").first).to_be_visible()
    await shoot("3-mint")
    await press("Use this mint")
    await press("Continue")
    await main.get_by_label("Address").fill(new.upstream.base_url)
    await main.get_by_label("API key").fill("sk-of-the-provider")
    await press("Test and save")
    await expect(main.get_by_text("A test request was answered.")).to_be_visible()
    await shoot("4-provider")
    await press("Continue")
    await main.get_by_label("Your margin").fill("10")
    await shoot("5-margin")
    await press("Save and continue")
    await shoot("6-payout")
    await press("Skip")
    await shoot("7-try-it")
    await press("Show the invoice")
    await main.get_by_role("button", name="Make the paid request").click()  # the mint pays it
    await expect(main.get_by_text("This is a played answer.")).to_be_visible()
    await shoot("8-first-paid-request")


async def _draw(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="routstr-first-run-"))
    async with open_new_node(work) as new, open_browser() as browser:
        page = await browser.new_page(viewport=DESKTOP, locale="en-US", color_scheme="light")

        async def shoot(name: str) -> None:
            path = folder / f"{name}.png"
            await page.screenshot(path=path, full_page=True)

        await first_run(page, new, shoot)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    forget_surroundings()
    asyncio.run(_draw(parser.parse_args().folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
