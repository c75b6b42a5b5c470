"""Programs of Node.js, with what npm fetches for them."""

import asyncio
import shutil
from pathlib import Path
from typing import Final

import pytest

_INSTALL: Final = ("install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
_LIMIT_S: Final = 120.0


async def run(program: str, *arguments: str, folder: Path) -> tuple[int, str]:
    """Exit status, and all that was written; skips the test where the program is missing."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"not run: {program} is not installed")
    process = await asyncio.create_subprocess_exec(
        found,
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(_LIMIT_S):
        written, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, written.decode()


async def installed(scripts: Path, folder: Path) -> Path:
    """A copy of the scripts, with their packages; skips the test where npm fetches nothing."""
    shutil.copytree(scripts, folder)
    status, told = await run("npm", *_INSTALL, folder=folder)
    if status:
        pytest.skip(f"not run: npm could not fetch the packages: {told.strip()[-300:]}")
    return folder
