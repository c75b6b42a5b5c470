"""Makes sure that environments are there: looks first, then builds what is missing."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from scripts import ambient
from scripts.bootstrap import build, stamp
from scripts.bootstrap.build import SetupFailed, Tools
from scripts.bootstrap.environments import (
    ENVIRONMENTS,
    UV_REQUIREMENTS,
    Environment,
    environment,
    to_make,
)
from scripts.bootstrap.folders import NotOurs, make_room, writable
from scripts.bootstrap.lock import LockedTooLong, only_one
from scripts.bootstrap.progress import Progress
from scripts.bootstrap.stamp import Stamp
from scripts.places import CACHES, TOOLS
from scripts.processes import Interrupts, postponed_interrupts


def ensure(*names: str, python: str | None = None) -> None:
    """Make the named environments complete; returns at once when they are.

    ``python`` (like "3.12") asks for that version; without it any that was used before is kept.
    Call it from the main thread. Raises SetupFailed, and Interrupted after Ctrl-C.
    """
    wanted = to_make([environment(name) for name in names])
    if not missing(wanted, python):
        return
    with postponed_interrupts() as interrupts:
        progress = Progress()
        try:
            make_room(TOOLS, progress.say)
            with only_one(TOOLS / "lock", interrupts, progress.say):
                _make(missing(wanted, python), progress, interrupts)
        except NotOurs as error:
            raise SetupFailed(str(error)) from error
        except LockedTooLong:
            advice = "End it, then run the command again."
            raise SetupFailed("Another set-up runs for half an hour.", advice) from None
        interrupts.check()


def missing(wanted: Iterable[Environment], python: str | None = None) -> list[Environment]:
    """Those of the wanted environments that are not complete."""
    return [one for one in wanted if not complete(one, python)]


def complete(
    one: Environment,
    python: str | None = None,
    known: Mapping[str, Environment] = ENVIRONMENTS,
) -> bool:
    """Whether the environment holds exactly what the requirements say now."""
    found = Stamp.read(one.folder)
    if found is None or found.requirements not in known:
        return False
    made = known[found.requirements]
    return (
        made.folder == one.folder
        and made.serves(one.name)
        and python in (None, found.python)
        and found.digest == stamp.digest([UV_REQUIREMENTS, made.requirements])
        and found.intact(one.folder)
    )


def caches(
    surroundings: Mapping[str, str], writable: Callable[[Path], bool] = writable
) -> dict[str, str]:
    """``surroundings`` with a cache of ours for downloads, when there is no home to keep them."""
    home = surroundings.get("HOME", "/nonexistent")
    cache = Path(surroundings.get("XDG_CACHE_HOME") or f"{home}/.cache")
    existing = next(one for one in (cache, *cache.parents) if one.exists())
    if writable(existing):
        return dict(surroundings)
    ours = {"UV_CACHE_DIR": str(CACHES / "uv"), "PIP_CACHE_DIR": str(CACHES / "pip")}
    return {**ours, **surroundings}


def _make(wanted: list[Environment], progress: Progress, interrupts: Interrupts) -> None:
    if not wanted:  # the other set-up, for which we waited, did it
        return
    started = time.monotonic()
    surroundings = caches(ambient.clean(os.environ))
    tools = Tools(progress, interrupts, surroundings, TOOLS / "setup.log")
    tools.log.write_text("", encoding="utf-8")
    names = ", ".join(one.name for one in wanted)
    size = sum(one.megabytes for one in wanted)
    version = sys.version.split()[0]
    progress.say(f"Setting up {names} with Python {version}: up to {size} MB to download, once")
    for one in wanted:
        build.build(one, tools)
    progress.say(f"Set-up done in {time.monotonic() - started:.0f} s")
