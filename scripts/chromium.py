"""Chromium for the tests of pages: ``python -m scripts.chromium`` makes sure that it is there.

It is the system's own package. Where it is missing, root on Debian or Ubuntu gets it from the
system's package registry; everybody else is told the line that installs it.
"""

import os
import shutil
import subprocess
import sys
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
PACKAGES: Final = ("chromium", "fonts-dejavu-core")
INSTALL: Final = f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"
_APT: Final = ("apt-get", "-o", "DPkg::Lock::Timeout=120", "-qq")
_LIMIT_S: Final = 240


def find() -> str | None:
    """The browser's path, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def missing() -> str | None:
    """The line that installs it, where it is missing and we may not do it ourselves."""
    return None if find() or _may_install() else INSTALL


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which(_APT[0]) is not None


def main() -> int:
    """Exit status: 0 when Chromium is there."""
    if find():
        return 0
    if not _may_install():
        print(f"Chromium is missing: {INSTALL}", file=sys.stderr)
        return 1
    surroundings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("update",), ("install", "-y", "--no-install-recommends", *PACKAGES)):
        done = subprocess.run([*_APT, *command], env=surroundings, timeout=_LIMIT_S, check=False)
        if done.returncode:
            print(f"{' '.join([*_APT, *command])} failed", file=sys.stderr)
            return 1
    return 0 if find() else 1


if __name__ == "__main__":
    sys.exit(main())
