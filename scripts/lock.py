"""Writes ``requirements/*.txt``: every package with its exact version and hashes, no index named.

``python -m scripts.lock [--upgrade]``; without it what is locked stays as long as it fits.
A release must have been out for a week: most poisoned ones are found out sooner.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from scripts import ambient
from scripts.places import PROJECT_ENVIRONMENT, REQUIREMENTS, ROOT

_COMPILE: Final = (
    *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-build"),
    *("--no-emit-index-url", "--no-annotate", "--no-header"),
)
_COOL_DOWN: Final = "1 week"
_SOURCES: Final = (
    # the largest first: the others take its versions, so that one environment can grow
    ("dev", ("pyproject.toml", "--group", "dev")),
    ("demo", ("pyproject.toml", "--group", "demo", "--constraints", "requirements/dev.txt")),
    ("base", ("pyproject.toml", "--constraints", "requirements/dev.txt")),
    ("bootstrap", ("requirements/bootstrap.in",)),
    ("mint-0.21", ("requirements/mint-0.21.in", "--overrides", "requirements/mint-overrides.in")),
    ("mint-0.19", ("requirements/mint-0.19.in", "--overrides", "requirements/mint-overrides.in")),
)


def main(arguments: list[str]) -> None:
    """Lock everything; ends with the status of the first command that fails."""
    for name, sources in _SOURCES:
        path = REQUIREMENTS / f"{name}.txt"
        fresh = ("--exclude-newer", _COOL_DOWN, *arguments)
        _run("uv", *_COMPILE, *fresh, *sources, "--output-file", str(path))
        size = _megabytes(path)
        locked = path.read_text(encoding="utf-8")
        head = f"# {size} MB of wheels on this machine's platform. Made by `make lock`.\n"
        path.write_text(head + locked, encoding="utf-8")
        packages = sum(line[:1].isalnum() for line in locked.splitlines())
        print(f"{path.relative_to(ROOT)}: {packages} packages, {size} MB")


def _megabytes(requirements: Path) -> int:
    """What has to be downloaded for these requirements, rounded up."""
    options = ("--require-hashes", "--only-binary", ":all:", "--no-deps", "-qqq")
    with tempfile.TemporaryDirectory() as folder:
        _run("python", "-m", "pip", "download", *options, "-d", folder, "-r", str(requirements))
        return -(-sum(path.stat().st_size for path in Path(folder).iterdir()) // 1_000_000)


def _run(program: str, *arguments: str) -> None:
    command = [str(PROJECT_ENVIRONMENT / "bin" / program), *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=ambient.clean(os.environ), check=False)
    if ended.returncode:
        sys.exit(ended.returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
