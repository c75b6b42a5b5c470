"""Comparing proofs with their mints on both databases: what is written, and what is left alone."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import text

from routstr.core.db import Database, Tx, migrate
from routstr.money import Unit
from routstr.payment.found import book_lost, book_recovered
from routstr.payment.wallet_audit import check_wallet
from routstr.wallet import doubts
from routstr.wallet.doubts import Lost, Standing
from routstr.wallet.findings import Found
from routstr.wallet.models import ProofStatus

MINT = "https://mint.example"
OPEN, DONE = 1, 2  # sagas
_SAGA = (
    "INSERT INTO sagas (id, kind, state, purpose, mint, unit, gross, fee, plan, context,"
    " lease_owner, lease_epoch, created_at) VALUES (:id, 2, :state, 'any', 'm', 'sat', 8, 0, :blob,"
    " '{}', 1, 1, 1)"
)
_KEYSET = (
    "INSERT INTO keysets (id, mint, keyset_id, unit, active, input_fee_ppk, keys, counter)"
    f" VALUES (1, '{MINT}', '00aa', 'sat', true, 0, '{{}}', 9)"
)
_PROOF = (
    "INSERT INTO proofs (id, keyset, counter, amount, c, y, status, saga)"
    " VALUES (:id, 1, :id, :amount, :blob, :blob, :status, :saga)"
)
PROOFS = (
    (1, 1, ProofStatus.UNSPENT, None),
    (2, 2, ProofStatus.RESERVED, OPEN),
    (3, 4, ProofStatus.RESERVED, DONE),
    (4, 8, ProofStatus.ISSUED, DONE),
    (5, 16, ProofStatus.SPENT, DONE),
)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    migrate.upgrade(database_url)
    db = Database(database_url)
    db.start()

    def fill(tx: Tx) -> None:
        tx.sql.execute(text(_KEYSET))
        for saga, state in ((OPEN, 0), (DONE, 1)):
            tx.sql.execute(text(_SAGA), {"id": saga, "state": state, "blob": b"x"})
        for number, amount, status, owner in PROOFS:
            values = {"id": number, "amount": amount, "status": int(status), "saga": owner}
            tx.sql.execute(text(_PROOF), {**values, "blob": b"y%d" % number})

    await db.write(fill)
    yield db
    await db.stop()


async def standing(db: Database) -> list[Standing]:
    return await db.read(partial(doubts.proofs, mint=MINT, after=0, limit=9))


async def statuses(db: Database) -> list[int]:
    query = text("SELECT status FROM proofs ORDER BY id")
    return await db.read(lambda c: list(c.execute(query).scalars()))


async def test_what_is_in_flight_or_spent_is_not_compared(db: Database) -> None:
    assert [proof.id for proof in await standing(db)] == [1, 3, 4]


async def test_proofs_of_sagas_that_ended_are_freed_and_no_others(db: Database) -> None:
    found = await db.read(partial(doubts.standing, ids=[1, 3]))
    assert await db.write(partial(doubts.free, found=[p for p in found if p.id == 3])) == 1
    assert await statuses(db) == [0, 1, 0, 3, 2]
    assert (await db.read(partial(check_wallet, full=True)))[0].holds


async def test_what_is_given_up_is_booked_with_it(db: Database) -> None:
    found = await standing(db)
    for news in (3, 0):
        assert await db.write(partial(doubts.doubt, found=found, now_ms=5)) == news
    again = await db.read(partial(doubts.doubted, mint=MINT, before_ms=5, limit=9))
    assert [proof.id for proof in again] == [1, 3, 4]
    recovered = Found(MINT, Unit.SAT, 1, 0, 3, 1)
    await db.write(lambda tx: book_recovered(tx, recovered, 1))

    def decide(tx: Tx) -> list[Lost]:
        lost = doubts.give_up(tx, MINT, again)
        for one in lost:
            book_lost(tx, one, 1)
        return lost

    (lost,) = await db.write(decide)
    assert (lost.first, lost.amount, lost.proofs) == (1, 5, 2)
    assert await db.write(decide) == []
    assert await statuses(db) == [2, 1, 2, 3, 2]
    query = text("SELECT name, posted FROM accounts WHERE posted <> 0 ORDER BY name")
    rows = await db.read(lambda c: [tuple(row) for row in c.execute(query)])
    assert rows == [(f"asset:sat:{MINT}", 2_000), ("loss", -2_000)]
    assert await db.read(partial(doubts.doubted, mint=MINT, before_ms=5, limit=9)) == []


async def test_a_saga_that_takes_a_proof_meanwhile_keeps_it(db: Database) -> None:
    found = await standing(db)
    change = text("UPDATE proofs SET status = 1, saga = :open WHERE id = 1")
    await db.write(lambda tx: tx.sql.execute(change, {"open": OPEN}))
    assert await db.write(partial(doubts.doubt, found=found[:1], now_ms=5)) == 0
    assert await db.write(partial(doubts.give_up, mint=MINT, found=found[:1])) == []
    assert await statuses(db) == [1, 1, 1, 3, 2]


async def test_turns_are_shared_and_trust_is_written_down(db: Database) -> None:
    turn = partial(doubts.turn, mint=MINT, interval_ms=10)
    assert await db.write(partial(turn, now_ms=100)) is None
    assert await db.write(partial(turn, now_ms=110)) == 0
    assert await db.write(partial(turn, now_ms=111)) is None
    await db.write(lambda tx: doubts.pass_on(tx, MINT, 7))
    await db.write(lambda tx: doubts.distrust(tx, MINT, 1))
    assert await db.read(lambda c: doubts.is_distrusted(c, MINT))
    assert await db.write(partial(turn, now_ms=120)) == 7
    await db.write(lambda tx: doubts.trust(tx, MINT))
    assert not await db.read(lambda c: doubts.is_distrusted(c, MINT))
