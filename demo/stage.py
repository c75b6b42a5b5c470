"""The real parts, started side by side: two mints, a model and a node, on loopback."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final, Protocol, TypeVar

from devkit.mint import Mint, MintOptions
from devkit.model import Model
from devkit.node import Node, settings
from devkit.ports import LOOPBACK, reserved_port
from devkit.processes import ServiceFailed

BTC_USD: Final = "100000"
PRICES: Final = Path(__file__).with_name("models.json")
SECOND_MINT_FEE_PPK: Final = 100

REAL: Final = (
    "two Cashu mints (nutshell), the ecash, every signature, the node, its ledger and wallet, "
    "the language model, OpenAI's own SDK"
)
PLAYED: Final = (
    "the mints' Lightning side (nutshell's fake backend pays every invoice, so the sats are "
    f"play money); one bitcoin is fixed at {int(BTC_USD):,} USD; the model is tiny and its "
    "answers are of that quality"
)

_NODE_SETTINGS: Final[Mapping[str, str]] = {
    "NAME": "Routstr demo",
    "DESCRIPTION": "A node on loopback that sells a tiny language model.",
    "ENABLE_CONSOLE_LOGGING": "false",
}


class Service(Protocol):
    """What runs somewhere and can be ended."""

    @property
    def url(self) -> str: ...

    def kill(self) -> int: ...


S = TypeVar("S", bound=Service)
Tell = Callable[[str, str], None]
"""Takes the name of a service that is up and what there is to know about it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs."""

    mint: Mint
    second_mint: Mint
    model: Model
    node: Node


@asynccontextmanager
async def stage(folder: Path, tell: Tell) -> AsyncIterator[Stage]:
    """Start everything below ``folder``; stop everything at the end. Raises ServiceFailed."""
    crew = _Crew(folder, tell)
    try:
        # the node is told the mints' addresses before they listen, so that all can start at once
        with reserved_port() as first, reserved_port() as second:
            running = await crew.start(first, second)
        yield running
    finally:
        await crew.stop()


class _Crew:
    """Starts the parts and knows which ones run."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        self._folder = folder
        self._tell = tell
        self._begin = monotonic()
        self._started: list[Service] = []

    async def start(self, port_a: int, port_b: int) -> Stage:
        """Start all; when one fails, the others are stopped by whoever calls :meth:`stop`."""
        fee = MintOptions(fee_ppk=SECOND_MINT_FEE_PPK)
        try:
            async with asyncio.TaskGroup() as group:
                mint = group.create_task(self._mint("mint A", "Cashu mint (nutshell 0.21)", port_a))
                other = group.create_task(
                    self._mint("mint B", "another one, with fees", port_b, fee)
                )
                model = group.create_task(self._model())
                node = group.create_task(self._node(model, [port_a, port_b]))
            await node.result().wait_healthy()
        except* ServiceFailed as failures:
            raise _first(failures) from None
        return Stage(mint.result(), other.result(), model.result(), node.result())

    async def stop(self) -> None:
        """End what runs: the node in good order, then the others, whose data are thrown away."""
        for service in self._started:
            if isinstance(service, Node):
                await service.stop()
        for service in self._started:
            service.kill()

    async def _mint(
        self, name: str, about: str, port: int, options: MintOptions | None = None
    ) -> Mint:
        folder = self._folder / name.replace(" ", "-")
        return self._up(name, about, await Mint.start(folder, options, name=name, port=port))

    async def _model(self) -> Model:
        key = f"sk-{secrets.token_hex(16)}"
        model = await Model.start(self._folder / "model", api_key=key)
        return self._up("model", "SmolLM2-135M on this processor", model)

    async def _node(self, starting: asyncio.Task[Model], mint_ports: list[int]) -> Node:
        model = await starting
        chosen = settings(
            mints=[f"http://{LOOPBACK}:{port}" for port in mint_ports],
            upstream=model.base_url,
            upstream_key=model.api_key,
            models=PRICES,
            btc_usd=BTC_USD,
        )
        node = await Node.start(self._folder / "node", {**chosen, **_NODE_SETTINGS}, healthy=False)
        return self._up("node", "the Routstr node", node)

    def _up(self, name: str, about: str, service: S) -> S:
        self._started.append(service)
        self._tell(name, f"{service.url}  {about}, after {monotonic() - self._begin:.1f} s")
        return service


def _first(failures: BaseExceptionGroup[ServiceFailed]) -> ServiceFailed:
    first = failures.exceptions[0]
    return first if isinstance(first, ServiceFailed) else _first(first)
