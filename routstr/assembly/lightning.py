"""Paying in over Lightning: invoices, and what watches them."""

from functools import partial
from typing import Final

from routstr.assembly.money import Money
from routstr.auth.invoices import Invoices
from routstr.auth.old_invoices import OldInvoices
from routstr.balance.lightning import LightningService
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.wallet.quote_watch import POLL_SECONDS
from routstr.wallet.service import Wallet

OLD_SECONDS: Final = 3_600.0


def build_lightning(
    settings: Settings, db: Database, wallet: Wallet, node_key: NodeKey, clock: Clock, money: Money
) -> LightningService:
    """Put together what the endpoints ask."""
    invoices = Invoices(
        db,
        wallet,
        node_key,
        clock,
        admitted=money.verifier.admitted,
        open_max=settings.lightning_open_invoices_max,
    )
    return LightningService(invoices, money.auth, clock)


def start_watch(
    settings: Settings, db: Database, wallet: Wallet, clock: Clock, supervisor: Supervisor
) -> None:
    """Ask about unpaid invoices in turn, listen to mints that tell, forget what is long over."""
    supervisor.every("invoices", POLL_SECONDS, wallet.watch.poll)
    for number, mint in enumerate(wallet.mints.urls):
        supervisor.start(f"listen-{number}", partial(wallet.watch.listen, mint))
    if days := settings.lightning_invoice_days:
        old = OldInvoices(db, wallet, clock, days)
        supervisor.every("old_invoices", OLD_SECONDS, old.forget)
