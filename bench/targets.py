"""What is measured: servers on this machine that all have the same provider behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from devkit.environment import ROOT, python
from devkit.mint import Mint
from devkit.node import Node
from devkit.node import settings as node_settings
from devkit.ports import LOOPBACK, free_port
from devkit.postgres import Postgres
from devkit.prices import NO_FEES, write_models
from devkit.processes import Child, Program

RELAY: Final = "bare relay"
NODE: Final = "node"
NODE_POSTGRES: Final = "node, PostgreSQL"
NGINX: Final = "nginx"
PORTKEY: Final = "Portkey"
LITELLM: Final = "LiteLLM"
NODES: Final = (NODE, NODE_POSTGRES)

MODEL: Final = "mock-model"
MODELS: Final = 300
"""How many models a node sells: as many as large providers have."""
DEPOSIT_SAT_MAX: Final = 900_000
_CHEAP: Final = {"prompt": "0.0000001", "completion": "0.0000004"}
_START_LIMIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """A running server. ``headers`` go with every request; ``pids`` are what works for it."""

    name: str
    port: int
    pids: tuple[int, ...]
    headers: Mapping[str, str] = field(default_factory=dict)

    def paying(self, key: str) -> "Target":
        """The same server, asked by the owner of a key."""
        headers = {**self.headers, "Authorization": f"Bearer {key}"}
        return Target(self.name, self.port, self.pids, headers)


async def start_upstream(program: Path, folder: Path) -> tuple[Child, int]:
    """Start the provider that everyone asks."""
    port = free_port()
    child = Child(Program("mock upstream", [str(program), str(port)], folder))
    await child.wait_for_port(limit_s=_START_LIMIT_S)
    return child, port


async def start_relay(folder: Path, upstream: int) -> tuple[Child, Target]:
    """Start the bare relay, under the server that the node runs under."""
    port = free_port()
    program = Program(
        RELAY,
        [python(), "-m", "uvicorn", "bench.bare_relay:app", "--host", LOOPBACK, "--port", str(port),
         "--no-access-log", "--log-level", "warning"],
        folder,
        {"UPSTREAM": f"http://{LOOPBACK}:{upstream}", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    child = Child(program)
    await child.wait_for_port(limit_s=_START_LIMIT_S)
    return child, Target(RELAY, port, (child.pid,))


async def start_node(
    folder: Path, upstream: int, mint: Mint, postgres: Postgres | None = None
) -> Node:
    """Start a node as operators run it: one worker, durable settlements, logs to files."""
    address = f"http://{LOOPBACK}:{upstream}/v1"
    settings = {
        **node_settings(mints=[mint.url], upstream=address, models=_models(folder)),
        **NO_FEES,
        "TOKEN_SAT_MAX": str(DEPOSIT_SAT_MAX),
        "ENABLE_CONSOLE_LOGGING": "false",
    }
    if postgres is not None:
        settings["DATABASE_URL"] = postgres.create_database()
    return await Node.start(folder, settings, name=NODE_POSTGRES if postgres else NODE)


def _models(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    ids = [MODEL, *(f"vendor/model-{number}" for number in range(1, MODELS))]
    return write_models(folder / "models.json", ids, pricing=_CHEAP)


def node_target(node: Node, postgres: Postgres | None = None) -> Target:
    """A node, with its database server where it has one."""
    if postgres is None:
        return Target(NODE, node.port, (node.pid,))
    return Target(NODE_POSTGRES, node.port, (node.pid, postgres.pid))
