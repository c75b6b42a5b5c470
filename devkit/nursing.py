"""One nursery for all the nodes of a run of tests.

Where it listens stands in the environment of the run's processes and in nobody else's: children
get an environment that is built from nothing.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from devkit.environment import python, python_path
from devkit.processes import Child, Program

NODE: Final = ("devkit.warm",)
"""What a nursery for nodes imports."""

_START_LIMIT_S: Final = 60.0


class Nurse:
    """Owns a nursery that listens on ``socket``. Start it from the main thread only."""

    def __init__(self, modules: Sequence[str] = NODE) -> None:
        # directly under the temporary folder: a socket's path may have 107 characters at most
        self._folder = Path(tempfile.mkdtemp(prefix="routstr-nursery-"))
        self.socket = self._folder / "socket"
        command = [python(), "-m", "devkit.nursery", str(self.socket), *modules]
        self._child = Child(Program("nursery", command, self._folder, python_path()))

    async def ready(self) -> None:
        """Wait until it listens; raises ServiceFailed."""

        async def listening() -> bool:
            return self.socket.exists()

        await self._child.wait_for(listening, limit_s=_START_LIMIT_S)

    def stop(self) -> None:
        """End it and all that it has forked."""
        self._child.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
