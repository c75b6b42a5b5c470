"""What is installed from a wheel is a whole node."""

import subprocess
import sys
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest

ROOT: Final = Path(__file__).parents[2]
OUT_OF_PLACE: Final = """
import asyncio, sys
from pathlib import Path
import routstr
from routstr.core.settings import Settings
from routstr.main import create_app

assert Path(routstr.__file__).is_relative_to(sys.argv[1]), routstr.__file__

async def page(app, path):
    sent = []
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": path, "headers": [
        (b"accept", b"text/html")], "query_string": b"", "client": ("127.0.0.1", 1),
        "raw_path": path.encode(), "root_path": "", "server": ("127.0.0.1", 80),
        "http_version": "1.1"}
    async def receive(): return {"type": "http.request", "body": b""}
    async def send(message): sent.append(message)
    await app(scope, receive, send)
    assert sent[0]["status"] == 200, (path, sent[0])
    return b"".join(message.get("body", b"") for message in sent[1:]).decode()

async def main():
    app = create_app(Settings(database_url="sqlite:///node.db", btc_usd="100000"))
    async with app.api.router.lifespan_context(app.api):
        shown = await page(app, "/")
        style = shown.split('rel="stylesheet" href="')[1].split('"')[0]
        assert len(await page(app, style)) > 1000

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as for a release."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_the_node_with_its_migrations_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = archive.read(next(n for n in names if n.endswith("entry_points.txt")))

    kept = subprocess.run(
        ["git", "ls-files", "-z", "routstr"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    shipped = {name for name in kept.stdout.split("\0") if name and (ROOT / name).exists()}
    assert len(shipped) > 300
    assert shipped - names == set(), "templates, texts, pictures and scripts are part of it"
    assert any(name.startswith("routstr/migrations/versions/0001") for name in names)
    assert {name.partition("/")[0] for name in names} == {"routstr", "routstr-0.1.0.dist-info"}
    assert not [name for name in names if name.endswith((".pyc", ".db", ".key"))]
    assert b"routstr = routstr.cli:main" in entry_points


@pytest.mark.slow
def test_installed_elsewhere_it_migrates_starts_and_shows_its_pages(
    wheel: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [Path(sys.executable).with_name("uv"), "pip", "install", "--offline", "--no-deps",
         "--target", site, wheel],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    home = tmp_path / "home"
    home.mkdir()
    (home / "models.json").write_text('{"data": []}')
    surroundings = {"PYTHONPATH": str(site), "DATABASE_URL": "sqlite:///node.db"}
    for arguments in (["-m", "routstr", "migrate"], ["-c", OUT_OF_PLACE, str(site)]):
        done = subprocess.run(
            [sys.executable, "-P", *arguments], cwd=home, env=surroundings,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (home / "node.db").exists()
