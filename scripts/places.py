"""Where things lie."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""The project's folder."""

PROJECT_ENVIRONMENT: Final = ROOT / ".venv"
TOOLS: Final = ROOT / ".tools"
"""Environments of their own, caches, the set-up's lock and log."""

REQUIREMENTS: Final = ROOT / "requirements"
CACHES: Final = TOOLS / "cache"
