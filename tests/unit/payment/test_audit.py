"""Ledger and wallet compared: one customer, tokens that came, went and were redeemed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert
from sqlmodel import SQLModel

from routstr.core.db import Dialect, Tx, migrate, sqlite
from routstr.ledger import accounts
from routstr.ledger.accounts import Entry
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import Msat
from routstr.payment.audit import Audit, audit
from routstr.payment.wallet_audit import GIVEN, RESERVED
from routstr.wallet.models import (
    IssuedState,
    IssuedToken,
    KeysetRow,
    ProofRow,
    ProofStatus,
    SagaKind,
    SagaRow,
    SagaState,
)

MINT = "https://mint.example"
SAT, MSAT = 1, 2  # keysets
IN_SAT, IN_MSAT, OUT, OUT_REDEEMED, OUT_REFUSED, OUT_OPEN = range(1, 7)  # sagas


def add(connection: Connection, table: type[SQLModel], **values: object) -> None:
    connection.execute(insert(table).values(**values))


def saga(
    connection: Connection, number: int, kind: SagaKind, gross: int, *, state: SagaState, unit: str
) -> None:
    add(
        connection,
        SagaRow,
        id=number,
        kind=int(kind),
        state=int(state),
        purpose="any",
        mint=MINT,
        unit=unit,
        gross=gross,
        fee=0,
        plan=b"sealed",
        context="{}",
        lease_owner=1,
        lease_epoch=1,
        created_at=1,
    )


def proof(
    connection: Connection, keyset: int, amount: int, status: ProofStatus, saga: int | None = None
) -> None:
    number = connection.exec_driver_sql("SELECT count(*) FROM proofs").scalar_one()
    y = b"y%d" % number
    values = {"counter": number, "amount": amount, "c": b"c", "y": y, "status": int(status)}
    add(connection, ProofRow, keyset=keyset, saga=saga, **values)


def issued(connection: Connection, number: int, amount: int, state: IssuedState) -> None:
    place = {"account": 1, "mint": MINT, "unit": "sat"}
    rest = {"token": b"sealed", "state": int(state), "created_at": 1}
    add(connection, IssuedToken, saga=number, amount=amount, **place, **rest)


def fill(connection: Connection) -> None:
    """100 sat and 500 msat came; 30 sat went out as tokens, 10 of them were redeemed."""
    for number, unit in ((SAT, "sat"), (MSAT, "msat")):
        fields = {"active": True, "input_fee_ppk": 0, "keys": "{}", "counter": 9}
        add(connection, KeysetRow, id=number, mint=MINT, keyset_id=unit, unit=unit, **fields)
    done, failed, still_open = SagaState.DONE, SagaState.FAILED, SagaState.OPEN
    saga(connection, IN_SAT, SagaKind.RECEIVE, 100, state=done, unit="sat")
    saga(connection, IN_MSAT, SagaKind.RECEIVE, 500, state=done, unit="msat")
    saga(connection, OUT, SagaKind.SEND, 20, state=done, unit="sat")
    saga(connection, OUT_REDEEMED, SagaKind.SEND, 10, state=done, unit="sat")
    saga(connection, OUT_REFUSED, SagaKind.SEND, 7, state=failed, unit="sat")
    saga(connection, OUT_OPEN, SagaKind.SEND, 5, state=still_open, unit="sat")
    proof(connection, SAT, 65, ProofStatus.UNSPENT)
    proof(connection, SAT, 5, ProofStatus.RESERVED, OUT_OPEN)
    proof(connection, SAT, 20, ProofStatus.ISSUED, OUT)
    proof(connection, SAT, 10, ProofStatus.SPENT)
    proof(connection, MSAT, 500, ProofStatus.UNSPENT)
    issued(connection, OUT, 20, IssuedState.UNCLAIMED)
    issued(connection, OUT_REDEEMED, 10, IssuedState.CLAIMED)
    book(Tx(connection, None, Dialect.SQLITE))


def book(tx: Tx) -> None:
    key = accounts.open_account(tx, AccountKind.KEY, 1)
    accounts.node_accounts(tx, 1)
    unclaimed = accounts.named_account(tx, AccountKind.UNCLAIMED, "unclaimed", 1)
    sat, msat = (
        accounts.named_account(tx, AccountKind.ASSET, accounts.asset_name(MINT, unit), 1)
        for unit in ("sat", "msat")
    )
    kind = TransferKind
    for debit, credit, amount, why, reference in (
        (sat, key, 100_000, kind.DEPOSIT, IN_SAT),
        (msat, key, 500, kind.DEPOSIT, IN_MSAT),
        (key, unclaimed, 20_000, kind.REFUND, OUT),
        (key, unclaimed, 10_000, kind.REFUND, OUT_REDEEMED),
        (unclaimed, sat, 10_000, kind.CLAIM, OUT_REDEEMED),
        (key, unclaimed, 7_000, kind.REFUND, OUT_REFUSED),
        (unclaimed, key, 7_000, kind.REFUND_UNDONE, OUT_REFUSED),
        (key, unclaimed, 5_000, kind.REFUND, OUT_OPEN),
    ):
        entry = Entry(debit, credit, Msat(amount), why, b"%d %d" % (why, reference), reference, 1)
        assert accounts.post(tx, entry)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path_factory.mktemp('audit') / 'routstr.db'}"
    migrate.upgrade(url)
    engine = sqlite.engine(url, read_only=False)
    with engine.connect() as connection:
        fill(connection)
        connection.exec_driver_sql("DROP TRIGGER transfers_no_update")  # tests break the books
        connection.exec_driver_sql("DROP TRIGGER transfers_no_delete")
    yield engine
    engine.dispose()


@contextmanager
def changed(engine: Engine, *statements: str) -> Iterator[Connection]:
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        for statement in statements:
            connection.exec_driver_sql(statement)
        yield connection
        connection.exec_driver_sql("ROLLBACK")


def problems(outcome: Audit) -> dict[str, tuple[str, ...]]:
    """What is wrong, but for the triggers that the fixture took away."""
    wrong = {check.name: check.problems for check in outcome.checks if not check.holds}
    assert outcome.holds is (not wrong)
    return {name: lines for name, lines in wrong.items() if "triggers" not in name}


def test_books_and_proofs_that_agree_are_added_up(engine: Engine) -> None:
    with changed(engine) as connection:
        outcome = audit(connection)
    assert problems(outcome) == {}
    assert outcome.assets == 90_500
    assert outcome.owed == 90_500
    found = {h.unit.value: (h.liquid, h.reserved, h.issued) for h in outcome.holdings}
    assert found == {"sat": (65, 5, 20), "msat": (500, 0, 0)}


def test_all_is_well_only_when_every_check_holds(engine: Engine) -> None:
    with changed(engine) as connection:
        outcome = audit(connection)
    assert not outcome.holds  # the triggers are missing
    kept = [check for check in outcome.checks if check.holds]
    assert Audit(kept, outcome.holdings, outcome.owed, outcome.assets).holds


AGREE = "assets equal the proofs held"
THERE = "what is owed is there"
TOKENS = "tokens given out equal what is owed for them"
ONCE = "every redeemed token and paid invoice was credited exactly once"
BROUGHT = "every deposit belongs to a finished saga"


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("UPDATE proofs SET amount = amount - 1 WHERE status = 0", {AGREE, THERE}),
        ("UPDATE proofs SET status = 2 WHERE status = 3", {AGREE, THERE, GIVEN}),  # as redeemed
        ("UPDATE proofs SET status = 0 WHERE status = 2", {AGREE}),  # spent ones counted
        ("UPDATE proofs SET status = 0", {AGREE, GIVEN}),
        ("UPDATE keysets SET unit = 'msat'", {AGREE, THERE}),
        ("UPDATE issued_tokens SET state = 1", {TOKENS, GIVEN}),
        ("UPDATE issued_tokens SET amount = amount + 1 WHERE state = 0", {TOKENS, GIVEN}),
        (f"UPDATE sagas SET state = 1 WHERE id = {OUT_OPEN}", {TOKENS, RESERVED}),
        (f"UPDATE sagas SET state = 0 WHERE id = {OUT_REFUSED}", {TOKENS}),
        (f"UPDATE sagas SET state = 2 WHERE id = {IN_SAT}", {BROUGHT}),
        (f"UPDATE sagas SET state = 0 WHERE id = {IN_SAT}", {BROUGHT}),
        ("UPDATE transfers SET reference = 99 WHERE kind = 1 AND amount = 500", {ONCE, BROUGHT}),
        (f"UPDATE transfers SET reference = {IN_SAT} WHERE kind = 1", {ONCE}),
    ],
)
def test_what_does_not_agree_is_named(engine: Engine, statement: str, names: set[str]) -> None:
    with changed(engine, statement) as connection:
        assert problems(audit(connection)).keys() == names


def test_problems_are_told_in_figures(engine: Engine) -> None:
    credit = f"UPDATE transfers SET reference = {IN_SAT} WHERE kind = 1"
    with changed(engine, credit, "UPDATE issued_tokens SET state = 1") as connection:
        found = problems(audit(connection))
    assert found[ONCE] == (f"saga {IN_SAT}: 2 credits", f"saga {IN_MSAT}: 0 credits")
    assert found[TOKENS] == ("25000 msat in the books, 5000 msat in tokens",)
    with changed(engine, "UPDATE transfers SET reference = 99 WHERE amount = 500") as connection:
        assert problems(audit(connection))[BROUGHT] == ("transfer 2: saga 99 brought nothing",)


def test_an_empty_node_owes_and_owns_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    migrate.upgrade(url)
    engine = sqlite.engine(url, read_only=True)
    with engine.connect() as connection:
        outcome = audit(connection)
    engine.dispose()
    assert outcome.holds
    assert (outcome.owed, outcome.assets, outcome.holdings) == (0, 0, [])
