"""What the operator's pages and routes about keys and books use."""

from routstr.admin.books.desk import BooksDesk
from routstr.admin.keys.actions import KeyActions
from routstr.admin.keys.desk import KeyDesk
from routstr.assembly.money import Money
from routstr.auth.custody import Custody
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.payment.claims import Claims
from routstr.payment.withdrawals import KeyWithdrawals
from routstr.wallet.service import Wallet


def build_custody(
    db: Database, node_key: NodeKey, clock: Clock, wallet: Wallet, money: Money
) -> tuple[KeyActions, BooksDesk]:
    """Put them together."""
    actions = KeyActions(
        KeyDesk(db, clock),
        Custody(db, node_key, clock),
        KeyWithdrawals(db, wallet),
        money.lightning,
        money.auth,
        wallet.mints,
    )
    return actions, BooksDesk(db, clock, Claims(db, wallet, clock))
