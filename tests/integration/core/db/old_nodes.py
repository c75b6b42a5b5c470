"""Databases as nodes of every earlier version left them, with money in them.

Each revision adds what its node could have written: first a key that deposited, spends and was paid
back, then an invoice, a payment over Lightning, and a row in every table that came later. What is
written is valid at that revision and balances there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Boolean, Connection, Integer, LargeBinary, inspect, text

from routstr.core.db import migrate
from routstr.ledger import seals
from routstr.ledger.accounts import asset_name
from routstr.ledger.kinds import AccountKind, TransferKind
from routstr.payment.deposits import LIGHTNING_CREATE, saga_key
from routstr.payment.lightning_refund import LIGHTNING_REFUND
from routstr.wallet.models import ProofStatus, QuoteState, SagaKind, SagaState

MINT: Final = "https://mint.example"
SAT: Final = 1_000
KEY, OTHER_KEY, ASSET, REVENUE, UNCLAIMED, IN_FLIGHT = range(1, 7)
RECEIVED, REFUNDED, ISSUED, MELTED = range(1, 5)
"""Sagas."""


class OldNode:
    """Writes on one connection, at the revision that the database has."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Final = connection
        self._known: Final[dict[str, Sequence[Any]]] = {}
        self._proofs = self._transfers = 0

    def insert(self, table: str, **values: Any) -> None:
        """A row; columns that must have a value and are not named get one of their type."""
        for column in self._columns(table):
            if not (column["nullable"] or column["default"]):
                values.setdefault(column["name"], _any_value(column["type"]))
        marks = ", ".join(f":{name}" for name in values)
        self._connection.execute(
            text(f"INSERT INTO {table} ({', '.join(map(_quoted, values))}) VALUES ({marks})"),
            values,
        )

    def _columns(self, table: str) -> Sequence[Any]:
        if table not in self._known:
            self._known[table] = inspect(self._connection).get_columns(table)
        return self._known[table]

    def transfers(self) -> list[str]:
        """All of them, as they are sealed."""
        return [line for _, line in seals.lines(self._connection, 0, self._transfers)]

    def change(self, statement: str) -> None:
        self._connection.exec_driver_sql(statement)

    def move(self, debit: int, credit: int, amount: int, kind: TransferKind, ref: int) -> None:
        """One transfer, and what it does to running totals."""
        letter = _LETTERS.get((kind, ref), b"F")
        self.change(f"UPDATE accounts SET posted = posted - {amount} WHERE id = {debit}")
        self.change(f"UPDATE accounts SET posted = posted + {amount} WHERE id = {credit}")
        if kind is TransferKind.DEPOSIT:
            self.change(f"UPDATE accounts SET deposited = {amount} WHERE id = {credit}")
        if kind is TransferKind.CHARGE:
            self.change(f"UPDATE accounts SET spent = {amount}, requests = 1 WHERE id = {debit}")
        self._transfers += 1
        self.insert(
            "transfers",
            id=self._transfers,
            debit=debit,
            credit=credit,
            amount=amount,
            kind=int(kind),
            key=saga_key(letter, ref),
            reference=ref,
        )

    def saga(self, number: int, kind: SagaKind, purpose: str, gross: int, **more: Any) -> None:
        values = {"mint": MINT, "unit": "sat", "fee": 0, "context": "{}", **more}
        self.insert(
            "sagas", id=number, kind=int(kind), state=int(SagaState.DONE), purpose=purpose,
            gross=gross, **values,
        )  # fmt: skip

    def proof(self, amount: int, status: ProofStatus, saga: int | None = None) -> None:
        count = self._proofs
        self._proofs += 1
        self.insert(
            "proofs", id=count + 1, keyset=1, counter=count, amount=amount, c=bytes([count]),
            y=bytes([count]), status=int(status), saga=saga,
        )  # fmt: skip
        self.change(f"UPDATE keysets SET counter = {self._proofs}")


_LETTERS: Final[Mapping[tuple[TransferKind, int], bytes]] = {
    (TransferKind.DEPOSIT, RECEIVED): b"R",
    (TransferKind.DEPOSIT, ISSUED): b"I",
    (TransferKind.CHARGE, 1): b"C",
    (TransferKind.LIGHTNING_REFUND, MELTED): b"O",
    (TransferKind.LIGHTNING_PAID, MELTED): b"P",
    (TransferKind.LIGHTNING_RETURN, MELTED): b"B",
}


def _quoted(name: str) -> str:
    return f'"{name}"'  # some are words of SQL


def _any_value(kind: object) -> object:
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer):
        return 1
    return b"\x01" if isinstance(kind, LargeBinary) else "x"


def _a_key_that_spends(node: OldNode) -> None:
    for number, kind, name in (
        (KEY, AccountKind.KEY, None),
        (ASSET, AccountKind.ASSET, asset_name(MINT, "sat")),
        (REVENUE, AccountKind.REVENUE, "revenue"),
        (UNCLAIMED, AccountKind.UNCLAIMED, "unclaimed"),
    ):
        _account(node, number, kind, name)
    node.insert("api_keys", account=KEY, key_hash=b"hash", mint=MINT, unit="sat", metadata="{}")
    node.insert("keysets", id=1, mint=MINT, keyset_id="00ad268c4d1f5826", unit="sat", counter=0)
    node.saga(RECEIVED, SagaKind.RECEIVE, "create", 16, account=KEY)
    node.insert("claimed_y", y=b"claimed", saga=RECEIVED)
    node.move(ASSET, KEY, 16 * SAT, TransferKind.DEPOSIT, RECEIVED)
    for number, state, charged in ((1, 1, 300), (2, 0, 0)):
        node.insert("holds", id=number, account=KEY, amount=500, state=state, charged=charged,
                    uncollected=0, rates="")  # fmt: skip
    node.move(KEY, REVENUE, 300, TransferKind.CHARGE, 1)
    node.change(f"UPDATE accounts SET held = 500 WHERE id = {KEY}")
    node.saga(REFUNDED, SagaKind.SEND, "refund", 4, account=KEY)
    node.move(KEY, UNCLAIMED, 4 * SAT, TransferKind.REFUND, REFUNDED)
    node.insert("issued_tokens", saga=REFUNDED, account=KEY, mint=MINT, unit="sat", amount=4,
                state=0)  # fmt: skip
    node.proof(8, ProofStatus.UNSPENT, RECEIVED)
    node.proof(4, ProofStatus.UNSPENT, RECEIVED)
    node.proof(4, ProofStatus.ISSUED, REFUNDED)
    node.proof(1, ProofStatus.SPENT)


def _account(node: OldNode, number: int, kind: AccountKind, name: str | None = None) -> None:
    overdraft = kind in {AccountKind.ASSET, AccountKind.REVENUE}
    totals = dict.fromkeys(("posted", "held", "deposited", "spent", "requests"), 0)
    node.insert("accounts", id=number, kind=int(kind), name=name, overdraft=overdraft, **totals)


def _a_proof_of_the_books(node: OldNode) -> None:
    node.insert("verifications", id=1, version=0, full_at=5)


def _a_paid_invoice(node: OldNode) -> None:
    _account(node, OTHER_KEY, AccountKind.KEY)
    node.insert("api_keys", id=2, account=OTHER_KEY, key_hash=b"other", metadata="{}")
    node.saga(ISSUED, SagaKind.MINT, LIGHTNING_CREATE, 6, account=OTHER_KEY)
    node.move(ASSET, OTHER_KEY, 6 * SAT, TransferKind.DEPOSIT, ISSUED)
    node.proof(4, ProofStatus.UNSPENT, ISSUED)
    node.proof(2, ProofStatus.UNSPENT, ISSUED)
    node.insert("mint_quotes", id=1, mint=MINT, unit="sat", amount=6, saga=ISSUED, context="{}",
                state=int(QuoteState.ISSUED), purpose=LIGHTNING_CREATE)  # fmt: skip
    node.insert("mint_quotes", id=2, mint=MINT, unit="sat", state=int(QuoteState.EXPIRED))
    node.insert("invoices", quote=1)


def _a_payment_over_lightning(node: OldNode) -> None:
    _account(node, IN_FLIGHT, AccountKind.IN_FLIGHT, "in_flight")
    node.saga(MELTED, SagaKind.MELT, LIGHTNING_REFUND, 3, account=OTHER_KEY, spent=2)
    node.move(OTHER_KEY, IN_FLIGHT, 3 * SAT, TransferKind.LIGHTNING_REFUND, MELTED)
    node.move(IN_FLIGHT, ASSET, 2 * SAT, TransferKind.LIGHTNING_PAID, MELTED)
    node.move(IN_FLIGHT, OTHER_KEY, 1 * SAT, TransferKind.LIGHTNING_RETURN, MELTED)
    node.change(f"UPDATE proofs SET status = {int(ProofStatus.SPENT)} WHERE counter = 5")


def _a_child_key(node: OldNode) -> None:
    node.insert("key_limits", id=1, account=OTHER_KEY, cap=5_000, held=0, forgiven=0, spent=0,
                total_spent=0, total_requests=0)  # fmt: skip
    node.insert("child_keys", parent=2, limit_id=1, metadata="{}")
    node.change("UPDATE api_keys SET name = 'Ömer' WHERE id = 2")


def _rows(*tables: str, **values: Any) -> Callable[[OldNode], None]:
    def write(node: OldNode) -> None:
        for table in tables:
            node.insert(table, **values)

    return write


def _a_seal(node: OldNode) -> None:
    rows = node.transfers()
    seal = seals.digest_of(1, seals.GENESIS, len(rows), rows)
    node.insert("seals", number=1, upto=len(rows), transfers=len(rows), digest=seal)


def _doubts(node: OldNode) -> None:
    node.insert("reconciliations", mint=MINT)
    node.insert("doubted_proofs", proof=1)


WRITTEN: Final[Mapping[str, Callable[[OldNode], None]]] = {
    "0001": _a_key_that_spends,
    "0002": _a_proof_of_the_books,
    "0003": _a_paid_invoice,
    "0004": _a_payment_over_lightning,
    "0005": _a_child_key,
    "0006": _rows("idempotency"),
    "0007": _rows("mint_swaps", quote=2, given_up=True),
    "0008": _doubts,
    "0009": _rows("providers", options="{}"),  # sessions end when the node is upgraded
    "0010": _rows("provider_objects", account=KEY),
    "0011": _rows("usage_sums", "usage_progress", "traffic_sums", "latency_sums", "alerts",
                  "switches"),
    "0012": _rows("admin_passwords", "admin_tokens", "admin_sign_ins", "admin_sessions"),
    "0013": _rows("operator_calls", saga=MELTED),
    "0014": lambda node: node.change("UPDATE api_keys SET note = 'good' WHERE id = 1"),
    "0015": _rows("options"),
    "0016": _rows("model_overrides"),
    "0017": _rows("metric_sums"),
    "0018": _rows("nostr_values"),
    "0019": _a_seal,
    "0020": _rows("instances", shard=3),
    "0021": lambda node: node.change("UPDATE instances SET revision = '0021'"),  # nothing archived
}  # fmt: skip
"""What each revision's node adds. A new migration adds an entry here."""


def write_all(connection: Connection, upto: str) -> None:
    """Everything that a node of this revision could have left."""
    node = OldNode(connection)
    for number, write in WRITTEN.items():
        if number <= upto:
            write(node)


def make_old(url: str, upto: str) -> None:
    """The schema of a revision, and what a node of it wrote."""
    from alembic import command  # noqa: PLC0415 - as the node does

    config = migrate._config()
    with migrate.locked(url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, upto)
        write_all(connection, upto)
