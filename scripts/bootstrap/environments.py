"""Which environments there are, and what goes into them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.places import PROJECT_ENVIRONMENT, REQUIREMENTS, TOOLS

UV_REQUIREMENTS: Final = REQUIREMENTS / "bootstrap.txt"
_SIZE: Final = re.compile(r"^# (\d+) MB of wheels", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder and the locked requirements that belong into it.

    Several may share the folder: then each contains those named in ``contains``, so that the one
    that was asked for most generously stays.
    """

    name: str
    folder: Path
    contains: frozenset[str] = frozenset()

    @property
    def requirements(self) -> Path:
        return REQUIREMENTS / f"{self.name}.txt"

    @property
    def python(self) -> Path:
        return self.program("python")

    @property
    def holds_project(self) -> bool:
        """Whether the project itself is importable there."""
        return self.folder == PROJECT_ENVIRONMENT

    @property
    def megabytes(self) -> int:
        """What is downloaded at most, as ``make lock`` measured it."""
        size = _SIZE.search(self.requirements.read_text(encoding="utf-8"))
        return int(size[1]) if size else 0

    def program(self, name: str) -> Path:
        """Where a program of this environment lies."""
        return self.folder / "bin" / name

    def serves(self, wanted: str) -> bool:
        """Whether ``wanted`` is there when this is."""
        return wanted == self.name or wanted in self.contains


_ALL: Final = (
    Environment("base", PROJECT_ENVIRONMENT),
    Environment("demo", PROJECT_ENVIRONMENT, frozenset({"base"})),
    Environment("dev", PROJECT_ENVIRONMENT, frozenset({"base", "demo"})),
    Environment("mint-0.21", TOOLS / "mint-0.21"),
    Environment("mint-0.19", TOOLS / "mint-0.19"),
)
ENVIRONMENTS: Final[Mapping[str, Environment]] = {one.name: one for one in _ALL}


def environment(name: str) -> Environment:
    """The environment of that name; raises KeyError."""
    return ENVIRONMENTS[name]


def to_make(wanted: list[Environment]) -> list[Environment]:
    """``wanted`` without those that another one of them contains."""
    return [one for one in wanted if not any(one.name in other.contains for other in wanted)]
