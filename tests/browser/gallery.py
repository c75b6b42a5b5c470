"""The pictures of the README: ``python -m tests.browser.gallery docs/images`` takes them anew.

A node with real mints and a played provider, whose customers really pay: what the pictures show
has happened, within a minute.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Browser, Page, ViewportSize

from devkit.environment import forget_surroundings
from devkit.upstream import Reply, chat
from tests.browser.scene import DESKTOP, Scene, open_browser, open_scene, sign_in

PHONE: Final = ViewportSize(width=390, height=844)
_PER_MILLION: Final[Mapping[str, tuple[str, str]]] = {
    "deepseek-r1": ("0.50", "2.15"),
    "gemma-3-27b": ("0.09", "0.17"),
    "llama-3.3-70b": ("0.12", "0.38"),
    "mistral-small-24b": ("0.05", "0.10"),
    "qwen-2.5-coder-32b": ("0.07", "0.16"),
    "qwen-2.5-vl-72b": ("0.25", "0.75"),
}
"""What models cost at their provider, in USD for a million tokens in and out."""
_CUSTOMERS: Final[Mapping[str, tuple[int, tuple[str, ...]]]] = {
    "notebook": (2_000, ("deepseek-r1", "llama-3.3-70b", "llama-3.3-70b")),
    "editor": (5_000, ("qwen-2.5-coder-32b", "qwen-2.5-coder-32b", "deepseek-r1")),
    "translations": (1_000, ("mistral-small-24b", "gemma-3-27b")),
    "family": (500, ("gemma-3-27b",)),
    "photos": (3_000, ("qwen-2.5-vl-72b", "llama-3.3-70b")),
}
"""What keys are called, what is paid in, in sat, and what they are used for."""
_ROUNDS: Final = 6
_QUESTION: Final = "What has to be true of money that a program pays with? " * 60
_ANSWER: Final = Reply(words=(" sats",) * 420, prompt_tokens=780)


def _models(path: Path) -> Path:
    models = [
        {
            "id": name,
            "name": name,
            "pricing": {"prompt": f"{asked}e-6", "completion": f"{told}e-6"},
            "top_provider": {"context_length": 131_072, "max_completion_tokens": 8_192},
        }
        for name, (asked, told) in _PER_MILLION.items()
    ]
    path.write_text(json.dumps({"data": models}))
    return path


async def _let_live(scene: Scene) -> None:
    """Let customers pay in and ask."""
    client = scene.house.client
    scene.house.upstream.default = chat(_ANSWER)
    asked = [{"role": "user", "content": _QUESTION}]
    for name, (sats, _) in _CUSTOMERS.items():
        key = await client.new_key(await scene.payer.token(sats))
        await client.call("PATCH", "/v1/balance/info", key=key, json={"name": name})
        scene.keys.append(key)
    for _ in range(_ROUNDS):
        for key, (_, models) in zip(scene.keys, _CUSTOMERS.values(), strict=True):
            for model in models:
                await client.chat(key, model, messages=asked, max_tokens=1_000)
    await client.pay(await scene.payer.token(200), "llama-3.3-70b")


async def _page(browser: Browser, scene: Scene, size: ViewportSize, colours: str) -> Page:
    scheme: Literal["light", "dark"] = "dark" if colours == "dark" else "light"
    context = await browser.new_context(
        viewport=size, color_scheme=scheme, locale="en-US", base_url=scene.url
    )
    return await context.new_page()


async def _shoot(page: Page, path: Path) -> None:
    await page.wait_for_timeout(1_000)  # charts are drawn
    await page.screenshot(path=path)


async def _draw(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="routstr-gallery-"))
    more = {
        "MODELS_PATH": str(_models(work / "sold.json")),
        "UPSTREAM_PROVIDER_FEE": "1.1",
        "DESCRIPTION": "Good models for sats, run from a garage.",
    }
    async with open_scene(work, more=more) as scene, open_browser() as browser:
        await _let_live(scene)
        page = await _page(browser, scene, DESKTOP, "light")
        await page.goto("/")
        await _shoot(page, folder / "start.png")
        await sign_in(page)
        await _shoot(page, folder / "overview.png")
        page = await _page(browser, scene, DESKTOP, "dark")
        await sign_in(page)
        for name in ("keys", "wallet"):
            await page.goto(f"/admin/{name}")
            await _shoot(page, folder / f"{name}.png")
        page = await _page(browser, scene, PHONE, "light")
        await page.goto("/key")
        await page.get_by_label("Key", exact=True).fill(scene.keys[0])
        await page.get_by_role("button", name="Open", exact=True).click()
        await _shoot(page, folder / "key.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    forget_surroundings()
    asyncio.run(_draw(parser.parse_args().folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
