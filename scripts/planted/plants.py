"""The faults: each an exact change of one file, as it could slip into a commit unseen.

Each fault is planted at several layers: where the rule is decided, where it is stored, on both
databases.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Suite(Enum):
    """Whole folders of tests that are asked, quick ones first; the first failure ends them."""

    SQLITE = (
        "tests/unit/ledger",
        "tests/unit/payment",
        "tests/unit/wallet",
        "tests/integration/ledger",
        "-m",
        "not postgres",
    )
    POSTGRES = ("tests/integration/ledger", "-m", "postgres")


@dataclass(frozen=True, slots=True)
class Plant:
    """``old`` stands exactly once in ``file`` and becomes ``new``."""

    bug: str
    what: str
    file: str
    old: str
    new: str
    suite: Suite = Suite.SQLITE

    def __post_init__(self) -> None:
        assert self.old != self.new, "a plant changes something"


NO_KEY: Final = "missing idempotency key"
SWAPPED: Final = "swapped debit and credit"
COUNTER: Final = "counter reused"
CLAIM: Final = "commit before claim"
RELEASE: Final = "release after settle"

PLANTS: Final = (
    Plant(
        NO_KEY,
        "each posting of a saga has a key of its own",
        "routstr/payment/deposits.py",
        'return letter + saga_id.to_bytes(8, "big")',
        'return letter + __import__("os").urandom(8)',
    ),
    Plant(
        NO_KEY,
        "post() does not look whether its key was posted",
        "routstr/ledger/accounts.py",
        "if is_posted(tx, entry.key):",
        "if not entry.key:",
    ),
    Plant(
        NO_KEY,
        "a second settlement of a hold is not recognised",
        "routstr/ledger/entries.py",
        "if hold.state == _OPEN:\n            _settle_open",
        "if hold.state != HoldState.EXPIRED:\n            _settle_open",
    ),
    Plant(
        NO_KEY,
        "the database does not insist on one transfer per key",
        "routstr/migrations/versions/0001_initial.py",
        '        sa.UniqueConstraint("key"),\n',
        "",
    ),
    Plant(
        SWAPPED,
        "a charge takes from revenue and gives to the customer",
        "routstr/ledger/entries.py",
        "            hold.account,\n            node.revenue,\n            charged,",
        "            node.revenue,\n            hold.account,\n            charged,",
    ),
    Plant(
        SWAPPED,
        "a deposit takes from the customer and gives to the mint's account",
        "routstr/payment/deposits.py",
        "debit=asset_account(tx, saga, at),\n            credit=account,",
        "debit=account,\n            credit=asset_account(tx, saga, at),",
    ),
    Plant(
        SWAPPED,
        "columns of the batch's INSERT, SQLite",
        "routstr/ledger/batch_sqlite.py",
        "(p.debit, p.credit, p.amount,",
        "(p.credit, p.debit, p.amount,",
    ),
    Plant(
        SWAPPED,
        "columns of the batch's INSERT, PostgreSQL",
        "routstr/ledger/batch_postgres.py",
        "numbers([p.debit for p in postings]), numbers([p.credit for p in postings]),",
        "numbers([p.credit for p in postings]), numbers([p.debit for p in postings]),",
        Suite.POSTGRES,
    ),
    Plant(
        COUNTER,
        "the last counter of one reservation is the first of the next",
        "routstr/wallet/purse.py",
        "return max(result.scalars()) - count",
        "return max(0, max(result.scalars()) - count - 1)",
    ),
    Plant(
        COUNTER,
        "a keyset under a second URL of its mint counts from zero",
        "routstr/wallet/purse.py",
        ".where(col(KeysetRow.keyset_id) == keyset.id)",
        ".where(col(KeysetRow.keyset_id) == keyset.id, col(KeysetRow.mint) == mint)",
    ),
    Plant(
        CLAIM,
        "the intent is committed, the token's proofs are claimed afterwards",
        "routstr/wallet/receive.py",
        """\
            sagas.claim(tx, saga.id, ys)
            self._engine.completion(saga).intended(tx, saga)
            return saga

        return await self._engine.db.write(intend)
""",
        """\
            self._engine.completion(saga).intended(tx, saga)
            return saga

        saga = await self._engine.db.write(intend)
        await self._engine.db.write(lambda tx: sagas.claim(tx, saga.id, ys))
        return saga
""",
    ),
    Plant(
        CLAIM,
        "a token is given out although its proofs were reserved by another",
        "routstr/wallet/send.py",
        "        if not purse.reserve(tx, chosen, saga.id):\n            raise _Taken\n",
        "        purse.reserve(tx, chosen, saga.id)\n",
    ),
    Plant(
        RELEASE,
        "the end of a hold does not look whether it was settled",
        "routstr/ledger/entries.py",
        "    elif hold.state == _OPEN:\n        _free(hold, row, decision)",
        "    else:\n        _free(hold, row, decision)",
    ),
    Plant(
        RELEASE,
        "every hold is read as open, SQLite",
        "routstr/ledger/batch_sqlite.py",
        '"SELECT h.id, h.account, h.amount, h.state, h.charged,',
        '"SELECT h.id, h.account, h.amount, 0, h.charged,',
    ),
    Plant(
        RELEASE,
        "every hold is read as open, PostgreSQL",
        "routstr/ledger/batch_postgres.py",
        '"SELECT id, account, amount, state, charged,',
        '"SELECT id, account, amount, 0, charged,',
        Suite.POSTGRES,
    ),
)
