"""What a continued verification finds, what it leaves to a full one, and that both agree."""

import asyncio
import random
from collections.abc import Iterator
from typing import Final

import pytest
from sqlalchemy import Connection

from routstr.ledger import recent, verdict, verify
from routstr.ledger.checkpoint import Checkpoint
from routstr.ledger.entries import Held
from routstr.ledger.recent import PAST
from tests.integration.ledger.bank import Bank, request, settlement
from tests.integration.ledger.conftest import BOTH, migrated_copy
from tests.integration.ledger.continued import START, advance, in_full, last, since
from tests.integration.ledger.test_verify import CASES
from tests.integration.ledger.vandal import Books, fill

REQUESTS: Final = "running totals of requests are right"
PROOFS: Final = {"assets equal the proofs held", "what is owed is there"}
COUNTED: Final = {name for name, _ in CASES if name.startswith("limits count")}
"""What keys with limits have spent is left to the full verification, like the requests."""
NEW: Final = [(name, how) for name, how in CASES if name not in {REQUESTS, *COUNTED, *PROOFS}]
HARMONY: Final = [
    "UPDATE transfers SET amount = amount - 1 WHERE kind = 2",
    "UPDATE accounts SET posted = posted + 1, spent = spent - 1 WHERE kind = 1",
    "UPDATE accounts SET posted = posted - 1 WHERE kind = 20",
]
STANDING: Final = [
    (verify.TOTALS, ["UPDATE accounts SET posted = posted + 1 WHERE kind IN (10, 20)"]),
    (verify.SPENT, ["UPDATE accounts SET spent = spent + 1 WHERE kind = 1"]),
    (verify.DEPOSITED, ["UPDATE accounts SET deposited = deposited - 1 WHERE kind = 1"]),
    ("held equals the open holds", ["UPDATE accounts SET held = held + 1 WHERE kind = 1"]),
    (verify.TOTALS, HARMONY),
    (PAST, ["DELETE FROM transfers WHERE id = (SELECT max(id) FROM transfers)"]),
]
OLD: Final = [
    "UPDATE transfers SET amount = amount - 1 WHERE kind = 2",
    "DELETE FROM transfers WHERE kind = 1",
    "UPDATE transfers SET debit = credit, credit = debit WHERE kind = 2",
    "UPDATE holds SET charged = charged - 1 WHERE state = 1",
    "UPDATE holds SET uncollected = uncollected + 1 WHERE state = 4",
    "UPDATE accounts SET requests = requests + 1",
]
ADD: Final = (
    "INSERT INTO transfers (debit, credit, amount, kind, key, reference, created_at)"
    " SELECT debit, credit, {amount}, {kind}, 'new', {reference}, created_at"
    " FROM transfers WHERE kind = 2"
)
LATER: Final = [
    (verify.KEYS, ADD.format(amount="amount", kind=2, reference="reference")),
    (verify.CHARGES, ADD.format(amount="amount + 1", kind=2, reference="reference")),
    (verify.STRAY, ADD.format(amount="amount", kind=2, reference=999)),
    (verify.LOSSES, ADD.format(amount="amount", kind=5, reference="reference")),
    (verify.TOTALS, ADD.format(amount="amount", kind=8, reference="reference")),
]
"""Rows behind the checkpoint that are wrong about what lies before it."""


@pytest.fixture(scope="module", params=BOTH)
def proven(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Books]:
    """Books with something of everything, all of it before the checkpoint."""

    async def prove(url: str) -> None:
        await fill(url)
        async with Bank(url) as bank:
            assert await advance(bank.db) == set()

    with migrated_copy(request, tmp_path_factory.mktemp("proven")) as url:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(prove(url))
        books = Books(url)
        yield books
        books.close()


def begin(connection: Connection) -> Checkpoint:
    found = verdict.read(connection).checkpoint
    assert found is not None
    assert found.count > 0
    return found


@pytest.mark.parametrize(("name", "statements"), NEW, ids=[" ".join(s) for _, s in NEW])
def test_what_is_new_and_wrong_is_named(books: Books, name: str, statements: list[str]) -> None:
    with books.changed(*statements) as connection:
        assert name in since(connection, START)


def test_from_nothing_it_is_the_whole_proof(books: Books) -> None:
    with books.changed() as connection:
        assert in_full(connection, START) == set()


@pytest.mark.parametrize(("name", "statements"), STANDING, ids=[" ".join(s) for _, s in STANDING])
def test_accounts_are_compared_with_what_was_proven(
    proven: Books, name: str, statements: list[str]
) -> None:
    with proven.changed(*statements) as connection:
        assert name in since(connection, begin(connection))


@pytest.mark.parametrize("statement", OLD)
def test_an_old_row_that_was_changed_is_left_to_the_full_verification(
    proven: Books, statement: str
) -> None:
    with proven.changed(statement) as connection:
        assert since(connection, begin(connection)) == set()
        assert in_full(connection, begin(connection)) != set()


def test_a_past_that_was_rewritten_in_harmony_is_noticed(proven: Books) -> None:
    """By the count and the sum of the rows that were proven, if by nothing else."""
    with proven.changed(*HARMONY, "DELETE FROM verified_accounts") as connection:
        assert in_full(connection, begin(connection)) >= {PAST}
        [problem] = recent.check_past(connection, begin(connection)).problems
    assert "there were" in problem


@pytest.mark.parametrize(("name", "statement"), LATER)
def test_what_is_new_and_wrong_about_the_old_is_named(
    proven: Books, name: str, statement: str
) -> None:
    with proven.changed(statement) as connection:
        assert name in since(connection, begin(connection))


async def test_each_end_of_a_hold_is_seen_on_either_side_of_a_checkpoint(bank: Bank) -> None:
    account = await bank.customer(10_000)
    answers = [await bank.ledger.hold(request(account, 100)) for _ in range(5)]
    settled, released, expired, late, lost = (a.hold for a in answers if isinstance(a, Held))
    await bank.ledger.release(late, expire=True)
    assert await advance(bank.db) == set()
    assert (await last(bank.db)).holds.pending == (settled, released, expired, lost)
    await bank.ledger.settle(settlement(settled, 60))
    await bank.ledger.release(released)
    await bank.ledger.release(expired, expire=True)
    await bank.ledger.settle(settlement(late, 70))
    await bank.ledger.release(lost, expire=True)
    await bank.ledger.hold(request(account, 10_000, minimum=0))
    assert await advance(bank.db) == set()
    await bank.ledger.settle(settlement(lost, 90))  # nothing is left to pay it
    await bank.ledger.settle(settlement(expired, 0))
    assert await advance(bank.db) == set()
    assert await bank.rows("SELECT kind, amount FROM transfers ORDER BY id") == [
        (1, 10_000),
        (2, 60),
        (2, 70),
        (5, 90),
    ]


@pytest.mark.parametrize("seed", range(4))
async def test_a_random_history_of_two_writers_is_proven_in_steps_as_in_one(
    bank: Bank, seed: int
) -> None:
    await bank.open()
    chance = random.Random(seed)
    customers = [await bank.customer(5_000) for _ in range(3)]
    holds: list[int] = []

    async def act() -> None:
        branch = chance.choice(bank.branches)
        account, draw = chance.choice(customers), chance.random()
        if draw < 0.4 or not holds:
            placed = await branch.ledger.hold(request(account, chance.randrange(400), minimum=0))
            if isinstance(placed, Held):
                holds.append(placed.hold)
        elif draw < 0.7:
            await branch.ledger.settle(settlement(chance.choice(holds), chance.randrange(500)))
        elif draw < 0.85:
            await branch.ledger.release(chance.choice(holds), expire=chance.random() < 0.7)
        else:
            await bank.deposit(account, chance.randrange(1, 900))

    for _ in range(8):
        verified = advance(chance.choice(bank.branches).db) if chance.random() < 0.6 else None
        work = [act() for _ in range(chance.randrange(30))]
        if verified is not None:  # while the others write
            wrong, *_ = await asyncio.gather(verified, *work)
            assert wrong == set()
        else:
            await asyncio.gather(*work)
    assert await advance(bank.db) == set()
    reached = await last(bank.db)
    assert await bank.db.read(lambda c: in_full(c, reached)) == set()
    assert await bank.rows("SELECT max(id), count(*), sum(amount) FROM transfers") == [
        (reached.transfers, reached.count, reached.amount)
    ]
    proven = "SELECT account, posted, spent, deposited FROM verified_accounts"
    booked = "SELECT id, posted, spent, deposited FROM accounts WHERE id IN"
    assert sorted(await bank.rows(proven)) == sorted(
        await bank.rows(
            f"{booked} (SELECT debit FROM transfers UNION SELECT credit FROM transfers)"
        )
    )
