"""A copy of the project that may be broken: no mutant and no planted bug touches the work tree."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts import ambient
from scripts.check.__main__ import PREFIX, remove_leftovers
from scripts.check.runner import TESTS_GRACE_S
from scripts.places import PROJECT_ENVIRONMENT, ROOT
from scripts.processes import Child, Interrupts, postponed_interrupts, wait

PARTS: Final = ("alembic.ini", "devkit", "models.json", "pyproject.toml", "routstr", "tests")
"""What the tests of the package need; ``scripts`` runs from here, never from the copy."""


@dataclass(slots=True)
class Workshop:
    """``tree`` is the copy; programs run in it, with ``environment`` and nothing else."""

    folder: Path
    interrupts: Interrupts
    environment: Mapping[str, str]
    tree: Path = field(init=False)
    _runs: int = 0

    def __post_init__(self) -> None:
        self.tree = self.folder / "tree"

    def run(
        self,
        command: Sequence[str],
        *,
        limit_s: float,
        more: Mapping[str, str] | None = None,
        watch: Callable[[Child], None] = lambda _: None,
    ) -> Child:
        """Run a program to its end; the child tells status, time and log. Raises Interrupted.

        ``watch`` is called often meanwhile; ``more`` joins the environment.
        """
        self._runs += 1
        log = self.folder / f"run-{self._runs}.log"
        surroundings = {**self.environment, **(more or {})}
        child = Child(
            command, log, surroundings, limit_s=limit_s, grace_s=TESTS_GRACE_S, cwd=self.tree
        )
        wait(child, self.interrupts, watch)
        return child


@contextmanager
def workshop() -> Iterator[Workshop]:
    """Open a workshop with a fresh copy; the folder is removed however this is left."""
    place = Path(tempfile.gettempdir())
    remove_leftovers(place)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
    folder.chmod(0o755)  # as root the tests start a server as another user, who must get in
    temporary = folder / "tmp"
    temporary.mkdir(mode=0o755)
    environment = {
        **ambient.inside(PROJECT_ENVIRONMENT, ambient.clean(os.environ)),
        "TMPDIR": str(temporary),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
    }
    try:
        with postponed_interrupts() as interrupts:
            shop = Workshop(folder, interrupts, environment)
            copy(ROOT, shop.tree)
            yield shop
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy(source: Path, tree: Path) -> None:
    """Copy the parts of a project, without what running it has left in them."""
    tree.mkdir()
    for part in PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, tree / part, ignore=_LEAVINGS)
        else:
            shutil.copy2(source / part, tree / part)


_LEAVINGS: Final = shutil.ignore_patterns("__pycache__", "*.pyc")
