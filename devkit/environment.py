"""Where things lie, and what a child process gets to see of the surroundings.

A child gets an environment built from nothing: no proxies, no ``PYTHONPATH``, no ``OPENAI_*``,
no ``DATABASE_URL`` of the person who starts the tests can change what they prove.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""The project's folder."""

TOOLS: Final = ROOT / ".tools"
"""Programs with an environment of their own, made by the set-up."""

_KEPT: Final = ("PATH", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")
_KEPT_PREFIXES: Final = ("COVERAGE_",)  # so that a measured run also measures the node it starts
_NURSERIES: Final = "DEVKIT_NURSERIES"


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a child whose home is ``home``; ``extra`` wins."""
    ambient = os.environ  # noqa: TID251 - the one place where the surroundings are let in
    kept = {
        name: value
        for name, value in ambient.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    return {
        **kept,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",  # the last log lines must be there when a start fails
        "PYTHONNOUSERSITE": "1",
        **(extra or {}),
    }


def forget_surroundings() -> None:
    """Make this process as blind as its children to proxies and to settings of OpenAI's SDK."""
    for name in list(os.environ):  # noqa: TID251
        if name.lower().endswith("_proxy") or name.startswith("OPENAI_"):
            del os.environ[name]  # noqa: TID251


def python_path() -> dict[str, str]:
    """Lets a child that runs in a folder of its own import the project."""
    return {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}


def python() -> str:
    """The interpreter of the project's environment."""
    return sys.executable


def nursery(name: str) -> Path | None:
    """The socket of this run's nursery of that name, when it has one (``devkit/nursing.py``)."""
    folder = os.environ.get(_NURSERIES)  # noqa: TID251
    socket = Path(folder) / name if folder else None
    return socket if socket and socket.exists() else None


def name_nurseries(folder: Path | None) -> None:
    """Tell this process, and what inherits its environment, where its nurseries listen."""
    if folder is None:
        os.environ.pop(_NURSERIES, None)  # noqa: TID251
    else:
        os.environ[_NURSERIES] = str(folder)  # noqa: TID251
