"""``python -m scripts.check [NAME ...]``: all checks, or those of these names or groups.

Groups: lint, tests, coverage. With ``CI=true`` a check that could not run is a failure.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts import ambient
from scripts.check.display import Display
from scripts.check.results import succeeded, summary
from scripts.check.runner import Runner
from scripts.check.steps import Step, all_steps, chosen
from scripts.places import CACHES, PROJECT_ENVIRONMENT, TOOLS
from scripts.processes import Interrupted, postponed_interrupts

PREFIX: Final = "routstr-check-"


def main(names: list[str]) -> int:
    """Exit status."""
    remove_leftovers(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    folder.chmod(0o755)  # as root the tests start a server as another user, who must get in
    try:
        steps = chosen(all_steps(folder, caches_for(folder)), names)
        if steps is None:
            print(f"usage: {__doc__}", file=sys.stderr)
            return 2
        return check(steps, folder)
    except Interrupted as interrupted:
        print("\nInterrupted: all that was running has been ended.", file=sys.stderr)
        return interrupted.exit_status
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(place: Path) -> None:
    """Remove the folders of runs that were killed before they could."""
    for folder in place.glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not running(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def running(pid: int) -> bool:
    """Whether there is a process of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def check(steps: Sequence[Step], folder: Path) -> int:
    """Run the steps and tell what came of them; the exit status."""
    started = time.monotonic()
    with postponed_interrupts() as interrupts:
        display = Display()
        results = Runner(folder, surroundings(folder), display, interrupts).run(steps)
        interrupts.check()
    display.tell(summary(results, time.monotonic() - started))
    return 0 if succeeded(results, strict=os.environ.get("CI") == "true") else 1


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of the checks: temporary files in ``folder``, caches in ours."""
    temporary, measurements = folder / "tmp", folder / "measurements"
    for place in (temporary, measurements):
        place.mkdir()
        place.chmod(0o755)  # whatever the umask
    caches = caches_for(folder)
    clean = ambient.inside(PROJECT_ENVIRONMENT, ambient.clean(os.environ))
    return {
        **clean,
        "TMPDIR": str(temporary),
        "COVERAGE_FILE": str(measurements / "data"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(caches / "hypothesis"),
        "MYPY_CACHE_DIR": str(caches / "mypy"),
        "RUFF_CACHE_DIR": str(caches / "ruff"),
        "PYTHONFAULTHANDLER": "1",
    }


def caches_for(folder: Path) -> Path:
    """Where tools keep what makes their next run quick; another person's set-up stays as it is."""
    return CACHES if os.access(TOOLS, os.W_OK) else folder / "cache"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
