"""How a person, a script or a closed terminal ends the demo."""

from signal import SIGHUP, SIGINT, SIGTERM
from typing import Final

ENDINGS: Final = (SIGINT, SIGTERM, SIGHUP)

INTERRUPTED: Final = 130
"""Exit status when the demo ended so before the end of the show."""
