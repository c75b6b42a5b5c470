"""A real Cashu mint: nutshell with its fake Lightning backend, which pays any invoice by itself.

Two versions, each with an environment of its own: 0.21 has keyset ids of version 2 (NUT-02),
0.19 of version 1. Two mints pay each other's invoices, so moves between mints are real too.
Where the run has nurseries (``devkit/nursing.py``), mints are forked there.
"""

import json
import secrets
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self, get_args

from devkit.environment import TOOLS, nursery
from devkit.ports import LOOPBACK
from devkit.processes import Child, Program

Version = Literal["0.21", "0.19"]
VERSIONS: Final[tuple[Version, ...]] = get_args(Version)
UnitName = Literal["sat", "msat"]

START_LIMIT_S: Final = 60.0
"""About 4 s on a quiet machine, of which nearly all is spent importing."""

_PATHS: Final[Mapping[UnitName, str]] = {"sat": "m/0'/0'/0'", "msat": "m/0'/1'/0'"}


@dataclass(frozen=True, slots=True)
class MintOptions:
    """How a mint behaves. ``fee_ppk`` is the input fee in thousandths per proof (NUT-02)."""

    version: Version = "0.21"
    fee_ppk: int = 0
    units: tuple[UnitName, ...] = ("sat", "msat")
    private_key: str = field(default_factory=lambda: secrets.token_hex(32))
    environment: Mapping[str, str] = field(default_factory=dict)
    """Further settings of nutshell, such as ``FAKEWALLET_PAY_INVOICE_STATE``."""


class Mint:
    """A running mint. ``restart`` keeps its folder and port, and with them its money."""

    def __init__(self, child: Child, port: int, options: MintOptions) -> None:
        self._child = child
        self.port = port
        self.options = options

    @classmethod
    async def start(
        cls, folder: Path, options: MintOptions | None = None, *, name: str = "mint", port: int = 0
    ) -> Self:
        """Start a mint whose data lie in ``folder``; raises ServiceFailed."""
        options = options or MintOptions()
        child = Child(_program(name, folder, options, port))
        return cls(child, await _ready(child, port), options)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        return self._child.log

    @property
    def pid(self) -> int:
        return self._child.pid

    async def restart(self) -> None:
        """Start it again on the same folder and port, ending it first if need be."""
        await self.stop()
        program = self._child.program
        self._child = Child(_program(program.name, program.folder, self.options, self.port))
        await _ready(self._child, self.port)

    def freeze(self) -> None:
        """Let it accept connections but never answer, until it thaws."""
        self._child.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._child.signal(signal.SIGCONT)

    async def stop(self) -> int:
        """End it; its data stay."""
        self.thaw()
        return await self._child.stop()

    def kill(self) -> int:
        """End it as a power cut would."""
        return self._child.kill()


async def _ready(child: Child, port: int) -> int:
    port = port or await child.wait_for_port(limit_s=START_LIMIT_S)
    await child.wait_for_answer(
        port, "/v1/keysets", accept=lambda answer: answer.status == 200, limit_s=START_LIMIT_S
    )
    return port


def _program(name: str, folder: Path, options: MintOptions, port: int) -> Program:
    return Program(
        name=name,
        command=[str(mint_python(options.version)), "-m", "cashu.mint"],
        folder=folder,
        environment=environment(folder, options, port),
        remedy="run `make setup`, which gives each nutshell version an environment of its own",
        nursery=nursery(f"mint-{options.version}"),
    )


def mint_python(version: Version) -> Path:
    """The interpreter of the environment in which this version is installed."""
    return TOOLS / f"mint-{version}" / "bin" / "python"


def environment(folder: Path, options: MintOptions, port: int) -> dict[str, str]:
    """Nutshell's settings for a mint in ``folder``."""
    return {
        "MINT_BACKEND_BOLT11_SAT": "FakeWallet",
        "MINT_BACKEND_BOLT11_MSAT": "FakeWallet",
        "MINT_DERIVATION_PATH_LIST": json.dumps([_PATHS[unit] for unit in options.units]),
        "MINT_LISTEN_HOST": LOOPBACK,
        "MINT_LISTEN_PORT": str(port),
        "MINT_PRIVATE_KEY": options.private_key,
        "MINT_DATABASE": str(folder / "database"),
        "MINT_INPUT_FEE_PPK": str(options.fee_ppk),
        "MINT_RATE_LIMIT": "FALSE",
        "CASHU_DIR": str(folder / "cashu"),
        "FAKEWALLET_BRR": "TRUE",
        "FAKEWALLET_DELAY_INCOMING_PAYMENT": "0",
        "FAKEWALLET_DELAY_OUTGOING_PAYMENT": "0",
        "FAKEWALLET_STOCHASTIC_INVOICE": "FALSE",
        "LOG_LEVEL": "INFO",
        **options.environment,
    }
