"""The nurseries of a run of tests: one for its nodes, one for the mints of each version.

The folder where they listen stands in the environment of the run's processes and in nobody else's:
children get an environment that is built from nothing.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final, Self

from devkit.environment import python, python_path
from devkit.mint import VERSIONS, mint_python
from devkit.processes import Child, Program

WARM_NODE: Final = "devkit.warm_node"
_WARM_MINT: Final = "devkit.warm_mint"
_START_LIMIT_S: Final = 60.0


class Nurse:
    """Owns nurseries, each with a socket in ``folder``. Start them from the main thread only."""

    def __init__(self) -> None:
        # directly under the temporary folder: a socket's path may have 107 characters at most
        self.folder = Path(tempfile.mkdtemp(prefix="routstr-nursery-"))
        self._children: list[Child] = []

    @classmethod
    async def of_nodes_and_mints(cls) -> Self:
        """Nurseries for nodes and for the mints that are installed; raises ServiceFailed."""
        nurse = cls()
        try:
            await nurse.start("node", python(), WARM_NODE)
            for version in VERSIONS:
                if (program := mint_python(version)).exists():
                    await nurse.start(f"mint-{version}", str(program), _WARM_MINT)
        except BaseException:
            nurse.stop()
            raise
        return nurse

    async def start(self, name: str, program: str, *modules: str) -> Path:
        """Add a nursery that a Python runs; its socket. Raises ServiceFailed."""
        socket = self.folder / name
        command = [program, "-m", "devkit.nursery", str(socket), *modules]
        child = Child(Program(f"nursery of {name}", command, self.folder, python_path()))
        self._children.append(child)

        async def listening() -> bool:
            return socket.exists()

        await child.wait_for(listening, limit_s=_START_LIMIT_S)
        return socket

    def stop(self) -> None:
        """End them and all that they have forked."""
        for child in self._children:
            child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
