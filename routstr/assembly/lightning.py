"""Paying in over Lightning: invoices, and what watches them."""

from functools import partial

from routstr.assembly.money import Money
from routstr.auth.invoices import Invoices
from routstr.balance.lightning import LightningService
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.wallet.quote_watch import POLL_SECONDS
from routstr.wallet.service import Wallet


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


def start_watch(wallet: Wallet, supervisor: Supervisor) -> None:
    """Ask about unpaid invoices in turn, and listen to the mints that tell."""
    supervisor.every("invoices", POLL_SECONDS, wallet.watch.poll)
    for number, mint in enumerate(wallet.mints.urls):
        supervisor.start(f"listen-{number}", partial(wallet.watch.listen, mint))
