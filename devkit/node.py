"""The node itself as a child process, configured by its environment alone.

Where the run has nurseries (``devkit/nursing.py``), nodes and their commands are forked there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, Self

from devkit.environment import nursery, python, python_path
from devkit.ports import LOOPBACK
from devkit.processes import Child, Program

START_LIMIT_S: Final = 60.0
COMMAND_LIMIT_S: Final = 120.0
STOP_GRACE_S: Final = 45.0  # a node lets running requests end first

_REMEDY: Final = "its log tells which setting it refuses or what it could not reach"


def settings(
    *,
    mints: Sequence[str],
    upstream: str,
    models: Path,
    upstream_key: str = "sk-of-the-provider",
    btc_usd: str = "100000",
) -> dict[str, str]:
    """The settings that a node on loopback needs; more can be added to the mapping."""
    return {
        "ROUTSTR_ENV": "production",  # what is proved must hold for the profile that people run
        "ALLOW_INSECURE_MINTS": "true",
        "CASHU_MINTS": ",".join(mints),
        "UPSTREAM_BASE_URL": upstream,
        "UPSTREAM_API_KEY": upstream_key,
        "MODELS_PATH": str(models),
        "BTC_USD": btc_usd,
    }


class Finished(NamedTuple):
    """How a command ended and what it printed."""

    status: int
    output: str


class Spoken(NamedTuple):
    """How a command ended, what it printed, and what it told beside that."""

    status: int
    output: str
    error: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - what JSON may be
        return json.loads(self.output)


class Node:
    """A running node. Its database, key and logs lie in ``folder`` and survive ``restart``."""

    def __init__(self, child: Child, port: int, settings: Mapping[str, str]) -> None:
        self._child = child
        self._commands = 0
        self.port = port
        self.settings = settings

    @classmethod
    async def start(
        cls,
        folder: Path,
        settings: Mapping[str, str],
        *,
        port: int = 0,
        healthy: bool = True,
        name: str = "node",
        workers: int = 1,
    ) -> Self:
        """Start a node and wait for its ``/health``; raises ServiceFailed.

        ``healthy=False`` takes any answer: for a node whose mint or provider is down on purpose.
        """
        everything = {**_own_files(folder), **settings}
        several = ("--workers", str(workers)) if workers > 1 else ()
        child = Child(_program(name, folder, everything, "serve", *_address(port), *several))
        return cls(child, await _ready(child, healthy=healthy), everything)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def base_url(self) -> str:
        """What belongs into an OpenAI client."""
        return f"{self.url}/v1"

    @property
    def folder(self) -> Path:
        return self._child.program.folder

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    async def wait_healthy(self) -> None:
        """Wait until it says that it can serve; raises ServiceFailed."""
        await _answering(self._child, self.port, healthy=True)

    def output(self) -> str:
        """All that it wrote to standard output and error, restarts included."""
        return self._child.log.read_text(errors="replace")

    async def restart(
        self, changed: Mapping[str, str] | None = None, *, healthy: bool = True
    ) -> None:
        """Start it again on the same data and port, ending it first if it still runs."""
        await self.stop()
        self.settings = {**self.settings, **(changed or {})}
        program = self._child.program
        self._child = Child(
            _program(program.name, program.folder, self.settings, "serve", *_address(self.port))
        )
        await _ready(self._child, healthy=healthy)

    async def stop(self, *, grace_s: float = STOP_GRACE_S) -> int:
        """SIGTERM, and wait for the drain; returns the exit status, 0 when all went well."""
        return await self._child.stop(grace_s=grace_s)

    def kill(self) -> int:
        """SIGKILL: what a crash leaves behind is what is on the disk now."""
        return self._child.kill()

    async def command(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Finished:
        """Run ``routstr <arguments>`` with the node's own settings, beside it or in its place."""
        child = Child(self._command(arguments, environment))
        return Finished(await child.wait(limit_s=COMMAND_LIMIT_S), child.log.read_text())

    async def speak(
        self,
        *arguments: str,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
        limit_s: float = COMMAND_LIMIT_S,
    ) -> Spoken:
        """As :meth:`command`, with something to read; what it writes is kept apart."""
        program = self._command(arguments, environment)
        given, errors = (self.folder / f"{program.name}.{end}" for end in ("stdin", "errors"))
        given.write_text(stdin)
        child = Child(replace(program, stdin=given, errors=errors))
        status = await child.wait(limit_s=limit_s)
        return Spoken(status, child.log.read_text(), errors.read_text())

    def _command(self, arguments: Sequence[str], environment: Mapping[str, str] | None) -> Program:
        self._commands += 1
        name = f"{self._child.program.name} command {self._commands}"
        everything = {**self.settings, **(environment or {})}
        return _program(name, self.folder, everything, *arguments)


class StartNode(Protocol):
    """Starts a node on a test's own services; ``more`` settings win."""

    async def __call__(
        self, more: Mapping[str, str] | None = None, *, healthy: bool = True
    ) -> Node: ...


def _program(name: str, folder: Path, settings: Mapping[str, str], *arguments: str) -> Program:
    command = [python(), "-m", "routstr", *arguments]
    environment = {**python_path(), **settings}
    return Program(name, command, folder, environment, remedy=_REMEDY, nursery=nursery("node"))


def _address(port: int) -> tuple[str, ...]:
    return ("--host", LOOPBACK, "--port", str(port))


def _own_files(folder: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": f"sqlite:///{folder / 'routstr.db'}",
        "ROUTSTR_SECRET_KEY_FILE": str(folder / "routstr_secret.key"),
        "LOG_DIR": str(folder / "logs"),
    }


async def _ready(child: Child, *, healthy: bool) -> int:
    port = await child.wait_for_port(limit_s=START_LIMIT_S)
    await _answering(child, port, healthy=healthy)
    return port


async def _answering(child: Child, port: int, *, healthy: bool) -> None:
    await child.wait_for_answer(
        port,
        "/health",
        accept=lambda answer: not healthy or answer.status == 200,
        limit_s=START_LIMIT_S,
    )
