"""The line to PostgreSQL breaks at COMMIT, before it arrived or after it was carried out."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.postgres import Postgres
from routstr.core.db.retries import Retry
from routstr.ledger import accounts
from routstr.ledger.entries import Held
from tests.integration.core.db.line import Cut, Line
from tests.integration.ledger.bank import Bank, request, settlement

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.parametrize("url", ["postgres"], indirect=True),
]


@pytest.fixture
def line(postgres: Postgres) -> Iterator[Line]:
    with (
        tempfile.TemporaryDirectory(prefix="line-") as folder,  # a socket's path must be short
        Line(postgres.folder, Path(folder)) as line,
    ):
        yield line


@pytest.mark.parametrize(
    ("cut", "found"), [("before", Retry.COMMIT_NOT_MADE), ("after", Retry.COMMIT_MADE)]
)
async def test_what_was_asked_for_is_done_once_and_told(
    line: Line, bank: Bank, cut: Cut, found: Retry
) -> None:
    told: list[Retry] = []
    branch = await bank.open(url=line.url(bank.url), retried=told.append)
    account = await bank.customer(1_000)

    line.cut = cut
    held = await branch.ledger.hold(request(account, 300))
    assert isinstance(held, Held)
    assert held.available == 700

    line.cut = cut
    settled = await branch.ledger.settle(settlement(held.hold, 60))
    assert (settled.charged, settled.available) == (60, 940)

    line.cut = cut
    posted = await branch.db.write(
        lambda tx: accounts.post(tx, bank.entry(tx, account, 500, number=77))
    )
    assert posted, "by the first try, or by the second: nobody can tell the difference"

    assert line.cuts == 3
    assert told == [found] * 3
    row = await bank.account(account)
    assert (row["posted"], row["held"], row["requests"]) == (1_440, 0, 1)
    assert await bank.rows("SELECT count(*) FROM holds") == [(1,)]
    assert await bank.rows("SELECT count(*) FROM transfers") == [(3,)]
    await bank.prove()
