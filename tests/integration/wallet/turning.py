"""A real mint that changes its keysets when told to, and a wallet on it, without a node."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from devkit.environment import TOOLS
from devkit.mint import Mint as MintProcess
from devkit.mint import MintOptions
from devkit.ports import LOOPBACK, free_port, reserved_port
from routstr.core.clock import SystemClock
from routstr.core.db import Database, migrate
from routstr.money import Unit
from routstr.wallet import keysets
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.mint_gate import MintGate
from routstr.wallet.mint_types import Restored
from routstr.wallet.proofs import BlindSignature, PreparedOutput, TokenProof
from tests.unit.wallet.world import House

Signatures = tuple[BlindSignature, ...]
Trouble = Callable[[Callable[[], Awaitable[Signatures]]], Awaitable[Signatures]]


class TurningMint:
    """nutshell with its management port open."""

    def __init__(self, process: MintProcess, port: int) -> None:
        self.process = process
        self._port = port

    @property
    def url(self) -> str:
        return self.process.url

    @classmethod
    async def start(cls, folder: Path, *, fee_ppk: int) -> "TurningMint":
        management = free_port()
        environment = {
            "MINT_RPC_SERVER_ENABLE": "TRUE",
            "MINT_RPC_SERVER_MUTUAL_TLS": "FALSE",
            "MINT_RPC_SERVER_ADDR": LOOPBACK,
            "MINT_RPC_SERVER_PORT": str(management),
        }
        options = MintOptions(fee_ppk=fee_ppk, environment=environment)
        with reserved_port() as port:
            process = await MintProcess.start(folder, options, name="turning mint", port=port)
        return cls(process, management)

    async def rotate(self, unit: Unit, *, fee_ppk: int) -> str:
        """Put a new keyset in the place of the active one; returns what the command said."""
        command = [str(TOOLS / "mint-0.21" / "bin" / "mint-cli"), "--insecure"]
        command += ["--host", LOOPBACK, "--port", str(self._port)]
        process = await asyncio.create_subprocess_exec(
            *command,
            "next-keyset",
            unit.value,
            str(fee_ppk),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.process.log.parent,
            env={"CASHU_DIR": str(self.process.log.parent / "cli")},
        )
        output, _ = await process.communicate()
        said = output.decode()
        assert "successfully" in said, said
        return said


class Line(Mint):
    """The wallet's client of the mint, on which the next swaps meet trouble."""

    def __init__(self, url: str, session: aiohttp.ClientSession, gate: MintGate) -> None:
        super().__init__(url, session, gate)
        self._troubles: list[Trouble] = []
        self.broken_restore = False

    def troubled(self, *troubles: Trouble) -> None:
        self._troubles += troubles

    async def restore(
        self, outputs: Sequence[PreparedOutput], *, timeout_s: float | None = None
    ) -> list[Restored]:
        if self.broken_restore:
            raise MintUnclear("no answer")
        return await super().restore(outputs, timeout_s=timeout_s)

    async def swap(
        self,
        inputs: Sequence[TokenProof],
        outputs: Sequence[PreparedOutput],
        *,
        timeout_s: float | None = None,
    ) -> Signatures:
        async def swap() -> Signatures:
            return await super(Line, self).swap(inputs, outputs, timeout_s=timeout_s)

        return await (self._troubles.pop(0)(swap) if self._troubles else swap())


async def lost(_swap: Callable[[], Awaitable[Signatures]]) -> Signatures:
    """The request never arrives."""
    raise MintUnclear("no answer")


async def answer_lost(swap: Callable[[], Awaitable[Signatures]]) -> Signatures:
    """The mint does it, and its answer never arrives."""
    await swap()
    raise MintUnclear("no answer")


class Wallet:
    """A wallet's parts on a database of their own, and their line to the mint."""

    def __init__(self, house: House, line: Line, db: Database) -> None:
        self.house = house
        self.line = line
        self.db = db

    def reborn(self) -> "Wallet":
        """Another process on the same database, which knows nothing but what is stored."""
        clock = SystemClock()
        house = House(self.db, clock, {self.line.url: self.line}, 2)  # type: ignore[dict-item]  # a real one
        house.engine.seed = self.house.engine.seed
        return Wallet(house, self.line, self.db)

    async def active(self, unit: Unit) -> keysets.Keyset:
        mints = self.house.mints
        return await mints.active(mints.mint(self.line.url), unit, fresh=True)

    async def proofs(self) -> dict[str, int]:
        """Sum of the unspent proofs by keyset."""
        query = (
            "SELECT k.keyset_id, sum(p.amount) FROM proofs p JOIN keysets k ON k.id = p.keyset"
            " WHERE p.status = 0 GROUP BY k.keyset_id"
        )
        return await self.db.read(
            lambda c: {row[0]: int(row[1]) for row in c.exec_driver_sql(query)}
        )

    async def sagas(self) -> list[int]:
        query = "SELECT state FROM sagas ORDER BY id"
        return await self.db.read(lambda c: [row[0] for row in c.exec_driver_sql(query)])


@asynccontextmanager
async def open_wallet(folder: Path, url: str) -> AsyncIterator[Wallet]:
    database = f"sqlite:///{folder / 'routstr.db'}"
    await asyncio.to_thread(migrate.upgrade, database)
    db, clock = Database(database), SystemClock()
    db.start()
    try:
        async with aiohttp.ClientSession(trust_env=False) as session:
            line = Line(url, session, MintGate(clock))
            house = House(db, clock, {url: line}, 1)  # type: ignore[dict-item]  # a real one
            house.engine.seed = os.urandom(64)  # the mint outlives a test
            yield Wallet(house, line, db)
    finally:
        await db.stop()
