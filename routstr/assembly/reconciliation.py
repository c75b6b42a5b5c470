"""What keeps a wallet and its mints in agreement."""

from functools import partial
from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.payment.alerts import Alert, LoggedAlert
from routstr.payment.claims import Claims
from routstr.payment.reconciliation import Reconciliation
from routstr.wallet.service import Wallet

LOOK_SECONDS: Final = 60.0
"""How often is looked whether a mint is due, and what became of proofs in doubt."""


def build_reconciliation(
    db: Database, wallet: Wallet, clock: Clock, alert: Alert | None = None
) -> Reconciliation:
    """Put it together, and have it look at each keyset before the wallet uses it."""
    claims = Claims(db, wallet, clock)
    made = Reconciliation(db, clock, wallet, alert or LoggedAlert(), claims.look)
    wallet.mints.guard(made.counters.before_use)
    return made


def start_reconciliation(
    reconciliation: Reconciliation, settings: Settings, supervisor: Supervisor
) -> None:
    """Start comparing in the background."""
    interval_s = settings.reconcile_interval_seconds
    pause_s = min(interval_s, LOOK_SECONDS) or LOOK_SECONDS
    supervisor.every("reconcile", pause_s, partial(reconciliation.run, interval_s))
