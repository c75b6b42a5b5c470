"""How an environment is known to be complete, without asking a network.

The stamp is written last and removed first: an environment that has one was finished.
"""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

_NAME: Final = "routstr-stamp.json"
_ASK: Final = "import sys; print('%d.%d' % sys.version_info[:2], sys.prefix)"
_ANSWER_LIMIT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an environment was made from."""

    requirements: str  # name of the set
    digest: str  # of the files that say what belongs into it
    folder: str  # programs name it in their first line: an environment cannot be moved
    python: str  # like 3.11
    packages: tuple[str, ...]  # their metadata folders, relative to the environment's

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The stamp of the environment, or None when it was not finished."""
        try:
            found = json.loads((folder / _NAME).read_text(encoding="utf-8"))
            return cls(**{**found, "packages": tuple(found["packages"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self) -> None:
        """Declare the environment complete."""
        path = Path(self.folder) / _NAME
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        temporary.replace(path)

    def intact(self, folder: Path) -> bool:
        """Whether the environment is where it was made, all there, and its Python runs."""
        here = self.folder == str(folder)
        return here and all((folder / one).is_dir() for one in self.packages) and self._runs(folder)

    def _runs(self, folder: Path) -> bool:
        return running_python(folder) == (self.python, str(folder))


def remove(folder: Path) -> None:
    """Declare the environment unfinished."""
    (folder / _NAME).unlink(missing_ok=True)


def digest(paths: Iterable[Path]) -> str:
    """One hash of several files' contents."""
    parts = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def installed(folder: Path) -> tuple[str, ...]:
    """The metadata folders of all packages in the environment."""
    found = folder.glob("lib/python*/site-packages/*.dist-info")
    return tuple(sorted(str(path.relative_to(folder)) for path in found))


def running_python(folder: Path) -> tuple[str, str] | None:
    """Version and prefix that the environment's Python tells, or None when it does not run."""
    with suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            [folder / "bin" / "python", "-I", "-c", _ASK],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_ANSWER_LIMIT_S,
            check=True,
            text=True,
        )
        version, _, prefix = said.stdout.strip().partition(" ")
        return version, prefix
    return None
