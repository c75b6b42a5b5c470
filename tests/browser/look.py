"""Screenshots of pages: ``python -m tests.browser.look /admin /admin/keys --out /tmp/shots``.

Each page on a desktop and on a phone, light and dark; ``--serve`` keeps the node running and says
where it is and with which password and key.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from devkit.environment import forget_surroundings
from tests.browser.scene import DESKTOP, PASSWORD, PHONE, Scene, let_live, open_browser, open_scene


async def _shoot(browser: Browser, scene: Scene, paths: list[str], out: Path) -> None:
    for size_name, size in (("desktop", DESKTOP), ("phone", PHONE)):
        for colours in ("light", "dark"):
            context = await browser.new_context(viewport=size, color_scheme=colours)
            page = await context.new_page()
            page.on("console", lambda message: print("console:", message.type, message.text))
            page.on("pageerror", lambda error: print("page error:", error))
            if any(path.startswith("/admin") for path in paths):
                await page.goto(f"{scene.url}/admin/login")
                await page.fill("[name=password]", PASSWORD)
                await page.click("main button")
            for path in paths:
                answer = await page.goto(f"{scene.url}{path}")
                await page.wait_for_timeout(500)
                name = f"{path.strip('/').replace('/', '-') or 'start'}-{size_name}-{colours}.png"
                await page.screenshot(path=out / name, full_page=True)
                print(answer.status if answer else "?", path, out / name)
            await context.close()


async def _look(options: argparse.Namespace) -> None:
    folder = Path(tempfile.mkdtemp(prefix="routstr-look-"))
    options.out.mkdir(parents=True, exist_ok=True)
    async with open_scene(folder) as scene:
        await let_live(scene)
        print(scene.url, "password:", PASSWORD, "keys:", *scene.keys, flush=True)
        if options.paths:
            async with open_browser() as browser:
                await _shoot(browser, scene, options.paths, options.out)
        if options.serve:
            await asyncio.Event().wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "shots")
    parser.add_argument("--serve", action="store_true")
    forget_surroundings()
    asyncio.run(_look(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
