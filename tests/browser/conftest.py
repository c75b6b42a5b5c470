"""One scene and one browser for all tests of pages; what a page complains about fails its test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from tests.browser.scene import (
    DESKTOP,
    Scene,
    let_live,
    open_browser,
    open_scene,
    sign_in,
)

WAIT_MS = 60_000
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.mint)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A node with customers. In the end its books are right, and no secret stands in its logs."""
    expect.set_options(timeout=WAIT_MS)
    async with open_scene(tmp_path_factory.mktemp("scene")) as scene:
        await let_live(scene)
        yield scene
        outcome = await scene.house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert scene.house.leaks() == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@asynccontextmanager
async def quiet_page(browser: Browser, url: str) -> AsyncIterator[Page]:
    """A page whose console stays empty."""
    context = await browser.new_context(viewport=DESKTOP, locale="en-US", base_url=url)
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # what the node refuses is an error to the browser, too
        if message.type in {"error", "warning"} and "the server responded" not in message.text:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, scene: Scene) -> AsyncIterator[Page]:
    """A client's."""
    async with quiet_page(browser, scene.url) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="session")
async def operator(browser: Browser, scene: Scene) -> AsyncIterator[Page]:
    """The operator's, signed in."""
    async with quiet_page(browser, scene.url) as page:
        await sign_in(page)
        yield page
