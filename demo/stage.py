"""The real parts, started side by side: two mints, a model and a node, on loopback."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final, Protocol, TypeVar

from devkit.mint import Mint, MintOptions
from devkit.model import Model
from devkit.node import Node, settings
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
    """What can be stopped."""

    @property
    def url(self) -> str: ...

    async def stop(self) -> int: ...


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
    started: list[Service] = []
    begin = monotonic()

    async def up(name: str, about: str, starting: Awaitable[S]) -> S:
        service = await starting
        started.append(service)
        tell(name, f"{service.url}  {about}, after {monotonic() - begin:.1f} s")
        return service

    fee = MintOptions(fee_ppk=SECOND_MINT_FEE_PPK)
    try:
        try:
            async with asyncio.TaskGroup() as group:
                mint = group.create_task(
                    up("mint A", "Cashu mint (nutshell 0.21)", _mint(folder, "mint A"))
                )
                second_mint = group.create_task(
                    up("mint B", "another one, with fees", _mint(folder, "mint B", fee))
                )
                model = group.create_task(
                    up("model", "SmolLM2-135M on this processor", _model(folder))
                )
            node = await up(
                "node",
                "the Routstr node",
                _node(folder, mint.result(), second_mint.result(), model.result()),
            )
        except* ServiceFailed as failures:
            raise _first(failures) from None
        yield Stage(mint.result(), second_mint.result(), model.result(), node)
    finally:
        await _stop(started)


def _mint(folder: Path, name: str, options: MintOptions | None = None) -> Awaitable[Mint]:
    return Mint.start(folder / name.replace(" ", "-"), options, name=name)


def _model(folder: Path) -> Awaitable[Model]:
    return Model.start(folder / "model", api_key=f"sk-{secrets.token_hex(16)}")


def _node(folder: Path, mint: Mint, second_mint: Mint, model: Model) -> Awaitable[Node]:
    chosen = settings(
        mints=[mint.url, second_mint.url],
        upstream=model.base_url,
        upstream_key=model.api_key,
        models=PRICES,
        btc_usd=BTC_USD,
    )
    return Node.start(folder / "node", {**chosen, **_NODE_SETTINGS})


async def _stop(started: list[Service]) -> None:
    # the node, started last, goes first: it may still have something to tell the others
    for service in started[-1:]:
        await service.stop()
    await asyncio.gather(*(service.stop() for service in started[:-1]))


def _first(failures: BaseExceptionGroup[ServiceFailed]) -> ServiceFailed:
    first = failures.exceptions[0]
    return first if isinstance(first, ServiceFailed) else _first(first)
