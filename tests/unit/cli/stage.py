"""A node's database without a node, for commands to look at."""

import asyncio
import sqlite3
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import pytest
from typer.testing import CliRunner

from routstr.assembly.storage import open_database
from routstr.cli.tree import cli
from routstr.core.db import migrate
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings, load_settings
from routstr.ledger import instances
from routstr.money import Unit
from routstr.wallet import sagas
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.sagas import Plan, Saga

T = TypeVar("T")

KEY: Final = bytes(range(32))
LISTED: Final = "https://mint.example"
SECRET: Final = "cashuAeyJzZWNyZXQiOiJ2ZXJ5In0"
NEXT_BOOT: Final = "another-host/boot/1/1"
"""A name of which nobody here can say whether its process lives."""

DRAFT: Final = Saga(
    id=0,
    kind=SagaKind.RECEIVE,
    state=SagaState.OPEN,
    purpose="topup",
    account=3,
    mint=LISTED,
    unit=Unit.SAT,
    gross=21_000,
    fee=1,
    plan=Plan(keyset="00aa", first_counter=7, amounts=[1], token=SECRET),
    context={},
    epoch=1,
    owner=1,
    created_at=1_700_000_000_000,
)


class Said(NamedTuple):
    """How a command ended and what it printed."""

    status: int
    output: str
    error: str

    @property
    def line(self) -> str:
        """The output, however it was broken into lines."""
        return " ".join(self.output.split())


@dataclass(frozen=True)
class Stage:
    """``saga`` and ``instance`` put something there; ``run`` is the command line."""

    folder: Path

    @property
    def settings(self) -> Settings:
        return load_settings()

    def run(self, *arguments: str, stdin: str = "", group: str = "wallet") -> Said:
        words = [group, *arguments]
        done = CliRunner().invoke(cli, words, input=stdin, catch_exceptions=False)
        return Said(done.exit_code, done.stdout, done.stderr)

    def migrate(self) -> None:
        migrate.upgrade(self.settings.database_url.reveal())

    def saga(self, problem: str = "", **changes: Any) -> int:
        """Store an open saga and return its id."""
        draft = msgspec.structs.replace(DRAFT, **changes)
        key = NodeKey(KEY)

        async def insert() -> int:
            async with open_database(self.settings, key) as db:
                saga = await db.write(lambda tx: sagas.insert_saga(tx, key, draft))
                if problem:
                    await db.write(lambda tx: sagas.note_problem(tx, saga, problem))
                return saga.id

        return run(insert())

    def end(self, saga_id: int, state: SagaState) -> None:
        self.sql(f"UPDATE sagas SET state = {int(state)}, ended_at = 1 WHERE id = {saga_id}")

    def instance(self, name: str = "") -> int:
        """Enter a living instance, this process by default."""

        async def enter() -> int:
            async with open_database(self.settings, NodeKey(KEY)) as db:
                return await db.write(instances.register)

        entered = run(enter())
        if name:
            self.sql(f"UPDATE instances SET name = '{name}' WHERE id = {entered}")
        return entered

    def sql(self, statement: str) -> None:
        connection = sqlite3.connect(self.folder / "node.db")
        with connection:
            connection.execute(statement)
        connection.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


def set_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """An empty folder and the settings of a node that would live there."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{folder}/node.db")
    monkeypatch.setenv("ROUTSTR_SECRET_KEY", KEY.hex())
    monkeypatch.setenv("CASHU_MINTS", LISTED)
    monkeypatch.setenv("COLUMNS", "80")
    return Stage(folder)
