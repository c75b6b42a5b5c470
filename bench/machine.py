"""What was measured on what: processor, memory, system, versions, date."""

import os
import platform
import re
import sqlite3
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

from devkit.environment import ROOT
from routstr.version import __version__

_PACKAGES: Final = ("uvicorn", "uvloop", "httptools", "aiohttp", "sqlalchemy", "psycopg")


def describe() -> dict[str, str]:
    """The machine and our own parts, as they stand in the report."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "node": f"{__version__}{_commit()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "SQLite": sqlite3.sqlite_version,
        "load when it began": " ".join(f"{one:.2f}" for one in os.getloadavg()),
    }


def processor_of(text: str) -> str:
    """The processor's name in the text of ``/proc/cpuinfo``."""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return " ".join(found[1].split()) if found else platform.machine()


def _processor() -> str:
    return processor_of(Path("/proc/cpuinfo").read_text())


def _memory() -> str:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 1e9:.1f} GB"


def _commit() -> str:
    command = ("git", "describe", "--always", "--dirty", "--exclude=*")
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" ({done.stdout.strip()})"
