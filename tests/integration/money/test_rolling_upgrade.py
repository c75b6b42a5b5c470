"""Two instances behind nginx are upgraded one after the other, and no client notices."""

import asyncio
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from devkit.environment import ROOT, python
from devkit.mint import Mint
from devkit.node import settings
from devkit.payer import Payer
from devkit.ports import LOOPBACK, free_port
from devkit.prices import BTC_USD, NO_FEES, write_models
from devkit.processes import Child, Program
from devkit.upstream import Reply, Shape, Upstream, chat
from routstr.core.db import Database
from routstr.core.db.migrate import REVISION
from routstr.payment.audit import audit
from tests.integration.money.house import QUESTION, Client
from tests.security.proxy import nginx

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
NEXT: Final = "9999"
NOTICE_S: Final = 6
"""Longer than the balancer keeps silent connections."""
CALLERS, STREAMS = 6, 4
FUNDS_SAT: Final = 500_000
COST: Final = re.compile(r'"total_msats":\s*(\d+)')
MIGRATION: Final = f"""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{REVISION}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("novelties", sa.Column("id", sa.BigInteger(), primary_key=True))
    op.add_column("accounts", sa.Column("novelty", sa.BigInteger(), nullable=True))
    op.create_index("ix_novelty", "holds", ["id", "state"])
"""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A version of the program that has added to the schema."""
    code = tmp_path / "newer"
    shutil.copytree(ROOT / "routstr", code / "routstr")
    migrate = code / "routstr" / "core" / "db" / "migrate.py"
    old = f'REVISION: Final = "{REVISION}"'
    assert old in migrate.read_text()
    migrate.write_text(migrate.read_text().replace(old, f'REVISION: Final = "{NEXT}"'))
    (code / "routstr" / "migrations" / "versions" / f"{NEXT}_more.py").write_text(MIGRATION)
    return code


class Instance:
    """A node at a port of its own, run by the version that lies in a folder."""

    def __init__(self, folder: Path, given: dict[str, str]) -> None:
        self.port: Final = free_port()
        self._folder: Final = folder
        self._settings: Final = {**given, "LOG_DIR": str(folder / "logs")}

    async def start(self, code: Path) -> None:
        command = [python(), "-m", "routstr", "serve", "--host", LOOPBACK, "--port", str(self.port)]
        environment = {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1", **self._settings}
        self.child = Child(Program("node", command, self._folder, environment))
        await self.child.wait_for_answer(
            self.port, "/health/ready", accept=lambda answer: answer.status == 200, limit_s=60
        )

    async def stop(self) -> None:
        assert await self.child.stop(grace_s=60) == 0

    def served(self) -> int:
        files = (self._folder / "logs").glob("*")
        return sum(file.read_text().count('"/v1/chat/completions"') for file in files)


class Load:
    """Clients that keep their connections, and ask again and again."""

    def __init__(self, url: str, key: str) -> None:
        self._url: Final = f"{url}/v1/chat/completions"
        self._headers: Final = {"Authorization": f"Bearer {key}"}
        self.seen: Final[Counter[str]] = Counter()
        self.failures: Final[list[str]] = []
        self.costs = 0
        self.ended = False

    async def run(self) -> None:
        async with aiohttp.ClientSession(headers=self._headers, trust_env=False) as session:
            callers = [
                self._ask(session, stream=number < STREAMS) for number in range(CALLERS + STREAMS)
            ]
            await asyncio.gather(*callers)

    async def _ask(self, session: aiohttp.ClientSession, *, stream: bool) -> None:
        body = {"model": "good", "messages": QUESTION, "stream": stream}
        while not self.ended:
            try:
                async with session.post(self._url, json=body) as answer:
                    text = await answer.text()
            except aiohttp.ClientError as error:
                self.failures.append(repr(error))
                continue
            costs = COST.findall(text)
            if answer.status != 200 or not costs or (stream and "[DONE]" not in text):
                self.failures.append(f"{answer.status} {text[-300:]}")
                continue
            self.seen["streams" if stream else "answers"] += 1
            self.costs += int(costs[-1])
            await asyncio.sleep(0.02)


@contextmanager
def reading(url: str) -> Iterator[Database]:
    db = Database(url)
    yield db
    db._threads.shutdown()
    db._readers.dispose()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_no_request_fails_while_both_are_upgraded(
    tmp_path: Path, newer: Path, mint: Mint, database_url: str
) -> None:
    words = Reply(words=tuple(f" w{number}" for number in range(20)))
    async with Upstream(chat(words, Shape(interval_s=0.05))) as upstream:
        models = write_models(tmp_path / "models.json", ["good"])
        given = {
            **settings(
                mints=[mint.url], upstream=upstream.base_url, models=models, btc_usd=BTC_USD
            ),
            **NO_FEES,
            "DATABASE_URL": database_url,
            "ROUTSTR_SECRET_KEY": secrets.token_hex(32),
            "DRAIN_NOTICE_SECONDS": str(NOTICE_S),
            "INSTANCE_STALE_SECONDS": "12",
            "TOKEN_SAT_MAX": str(FUNDS_SAT),
        }
        one, two = (Instance(tmp_path / name, given) for name in ("one", "two"))
        await one.start(ROOT)
        await two.start(ROOT)
        port = free_port()
        (tmp_path / "nginx").mkdir()
        async with nginx(tmp_path / "nginx", port, one.port, two.port):
            await upgraded(one, two, newer, mint, f"http://{LOOPBACK}:{port}", database_url)
        await one.stop()
        await two.stop()


async def upgraded(
    one: Instance, two: Instance, newer: Path, mint: Mint, url: str, database_url: str
) -> None:
    async with Payer(mint.url) as payer, aiohttp.ClientSession(trust_env=False) as session:
        client = Client(session, url)
        key = await client.new_key(await payer.token(FUNDS_SAT))
        load = Load(url, key)
        running = asyncio.create_task(load.run())
        await asyncio.sleep(2)
        assert min(one.served(), two.served()) > 0

        await one.stop()
        await one.start(newer)  # which migrates while the other serves
        assert await revision(database_url) == NEXT
        await two.stop()
        await two.start(ROOT)  # an old one, on the newer schema
        before = one.served(), two.served()
        await asyncio.sleep(2)
        assert one.served() > before[0]
        assert two.served() > before[1]
        await two.stop()
        await two.start(newer)
        await asyncio.sleep(1)
        load.ended = True
        await running

        assert load.failures == []
        assert min(load.seen["answers"], load.seen["streams"]) > 20
        assert await client.balance(key) == (FUNDS_SAT * 1_000 - load.costs, 0)
    with reading(database_url) as db:
        outcome = await db.read(audit)
    assert outcome.holds, [check for check in outcome.checks if not check.holds]


async def revision(url: str) -> str:
    with reading(url) as db:
        return await db.read(
            lambda c: str(c.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
        )
