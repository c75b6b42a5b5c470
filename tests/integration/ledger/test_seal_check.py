"""Every way of changing transfers behind the node's back shows, once they are sealed."""

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest
from sqlalchemy import Connection, text

from routstr.ledger import seals, verdict
from routstr.ledger.checkpoint import Checkpoint
from routstr.ledger.seal_check import check_seals
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.conftest import BOTH, migrated_copy
from tests.integration.ledger.continued import advance, last
from tests.integration.ledger.notary import KEY, found, problems, sealer
from tests.integration.ledger.vandal import Books

ADD: Final = (
    "INSERT INTO transfers (id, debit, credit, amount, kind, key, reference, created_at)"
    " SELECT {id}, debit, credit, amount, kind, 'new', reference, created_at"
    " FROM transfers WHERE id = 5"
)
TAMPERED: Final = [
    *(
        (f"UPDATE transfers SET {change} WHERE id = 5", "transfers 4 to 6 (seal 2): not as they")
        for change in (
            "amount = amount + 1",
            "created_at = created_at + 1",
            "reference = reference + 1",
            "kind = 14",
            "key = 'other'",
            "balance_after = NULL",
            "balance_after = balance_after + 1",
            "debit = credit, credit = debit",
        )
    ),
    ("DELETE FROM transfers WHERE id = 5", "transfers 4 to 6 (seal 2): there are 2, 3 were"),
    ("DELETE FROM transfers WHERE id > 8", "transfers 7 to 9 (seal 3): there are 2, 3 were"),
    ("DELETE FROM transfers WHERE id > 6", "transfers up to 10 were sealed, the newest is 6"),
    (f"UPDATE transfers SET id = 20 WHERE id = 6; {ADD.format(id=6)}", "not as they were sealed"),
    (ADD.format(id=0), "transfer 0 is before the first"),
    (ADD.format(id=-5), "transfer -5 is before the first"),
    ("UPDATE seals SET digest = proof WHERE number = 2", "(seal 2): not as they were sealed"),
    ("UPDATE seals SET proof = digest WHERE number = 2", "seal 2 was not made with this node's"),
    ("DELETE FROM seals WHERE number = 2", "seals 2 to 2 are gone"),
    ("UPDATE seals SET upto = 5 WHERE number = 2", "transfers 4 to 5 (seal 2): there are 2"),
]


@pytest.fixture(scope="module", params=BOTH)
def sealed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Books]:
    """Ten transfers in four seals."""

    async def fill(url: str) -> None:
        async with Bank(url) as bank:
            account = await bank.customer()
            for amount in range(1, 11):
                await bank.deposit(account, amount)
            assert await sealer(bank).run() == 4

    with migrated_copy(request, tmp_path_factory.mktemp("sealed")) as url:
        asyncio.run(fill(url))
        books = Books(url)
        yield books
        books.close()


def test_what_nobody_touched_is_as_it_was_sealed(sealed: Books) -> None:
    with sealed.changed() as connection:
        assert problems(connection) == ()


@pytest.mark.parametrize(("statements", "told"), TAMPERED)
def test_whatever_is_done_to_sealed_transfers_is_told(
    sealed: Books, statements: str, told: str
) -> None:
    with sealed.changed(*statements.split("; ")) as connection:
        said = problems(connection)
    assert any(told in problem for problem in said), said


def test_transfers_that_changed_places_are_told(sealed: Books) -> None:
    swap = [
        f"UPDATE transfers SET id = {to} WHERE id = {at}" for at, to in ((5, 50), (6, 5), (50, 6))
    ]
    with sealed.changed(*swap) as connection:
        [said] = problems(connection)
    assert said == "transfers 4 to 6 (seal 2): not as they were sealed"


def test_a_chain_that_was_made_anew_without_the_nodes_key_is_told(sealed: Books) -> None:
    """All digests are right then: only who made them is wrong."""
    with sealed.changed("UPDATE transfers SET amount = 7 WHERE id = 5") as connection:
        before = seals.Sealed()
        for seal in seals.behind(connection, 0, 10):
            rows = [line for _, line in seals.lines(connection, before.upto, seal.upto)]
            digest = seals.digest_of(seal.number, before.digest, seal.upto, rows)
            connection.execute(
                text("UPDATE seals SET digest = :d, proof = :p WHERE number = :n"),
                {"d": digest, "p": seals.proof_of(b"x" * 32, seal.number, digest),
                 "n": seal.number},
            )  # fmt: skip
            before = seals.numbered(connection, seal.number) or before
        assert problems(connection, None) == ()
        assert len(problems(connection)) == 4


async def test_a_continued_proof_begins_at_the_seal_of_the_last(bank: Bank) -> None:
    account = await bank.customer(5)
    await sealer(bank).finish()
    assert await advance(bank.db) == set()
    proven = await last(bank.db)
    assert (proven.seal.number, proven.seal.upto) == (1, 1)
    await bank.deposit(account, 5)
    await sealer(bank).finish()

    def since(connection: Connection, begin: Checkpoint) -> tuple[str, ...]:
        return check_seals(connection, KEY, begin.seal).problems

    assert await bank.db.read(lambda c: since(c, proven)) == ()
    await bank.db.write(lambda tx: tx.sql.execute(text("DELETE FROM seals WHERE number = 1")))
    assert await bank.db.read(lambda c: since(c, proven)) == ("seal 1 was verified and is gone",)
    await bank.db.write(verdict.forget)
    assert await sealer(bank).finish() == 1
    assert await found(bank.db) == ()
    assert await bank.db.read(lambda c: since(c, proven)) == (
        "seal 1 is another one than was verified",
    )
