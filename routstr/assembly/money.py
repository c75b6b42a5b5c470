"""The use cases with money, as the endpoints and the paid routes share them."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientSession

from routstr.assembly.reconciliation import build_reconciliation, start_reconciliation
from routstr.auth.service import Authenticator
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.errors import DatabaseUnavailable, OutcomeUnknown
from routstr.ledger import seals
from routstr.ledger.sealer import Sealer
from routstr.ledger.service import Ledger
from routstr.payment.alerts import Alert, LoggedAlert
from routstr.payment.consolidation import Consolidations
from routstr.payment.demand import Demands
from routstr.payment.foreign import ForeignTokens
from routstr.payment.intake import Intake
from routstr.payment.lightning_refund import LightningRefunds
from routstr.payment.lnurl import Lnurl
from routstr.payment.moving import MintSwaps, Rebalancing
from routstr.payment.payouts import Payouts
from routstr.payment.reconciliation import Reconciliation
from routstr.payment.refund import Refunds
from routstr.payment.verifier import Verifier
from routstr.payment.x_cashu import XCashu
from routstr.wallet.offers import Offers
from routstr.wallet.service import Wallet

_log = get_logger(__name__)
CLAIMS_SECONDS: Final = 300.0
NEVER_SECONDS: Final = 10 * 365 * 86_400.0
"""Between two runs of a task that runs at the start only: again only after a failure."""
_LAST_SEAL_SECONDS: Final = 1.0
"""How long the end of the node waits for other instances' writing; they seal it, too."""


@dataclass(frozen=True, slots=True)
class Money:
    """Everything that takes money in, gives it back, and watches the books."""

    verifier: Verifier
    intake: Intake
    auth: Authenticator
    refunds: Refunds
    consolidations: Consolidations
    swaps: MintSwaps
    x_cashu: XCashu
    lightning: LightningRefunds
    payouts: Payouts
    offers: Offers
    demands: Demands
    reconciliation: Reconciliation


def build_money(
    settings: Settings,
    db: Database,
    wallet: Wallet,
    node_key: NodeKey,
    clock: Clock,
    session: ClientSession,
    alert: Alert | None = None,
) -> Money:
    """Put the use cases together; nothing runs before :func:`start_money`.

    ``alert`` is told what cannot wait; without it the log is.
    """
    alert = alert or LoggedAlert()
    verifier = Verifier(
        db,
        clock,
        alert,
        full_seconds=settings.verify_full_interval_seconds,
        seal_key=node_key.derive(seals.PURPOSE),
    )
    foreign = ForeignTokens(db, wallet, clock, day_sat=settings.swap_sat_per_day)
    intake = Intake(wallet, clock, admitted=verifier.admitted, foreign=foreign)
    refunds = Refunds(db, wallet, clock)
    offers = Offers(wallet.mints, clock)
    lnurl = Lnurl(session, clock, allow_local=settings.allow_insecure_mints)
    return Money(
        verifier=verifier,
        intake=intake,
        auth=Authenticator(db, intake, node_key, clock),
        refunds=refunds,
        consolidations=Consolidations(wallet, clock, per_amount_max=settings.proofs_per_amount_max),
        x_cashu=XCashu(intake, wallet, refunds),
        swaps=build_swaps(settings, db, wallet, clock),
        lightning=LightningRefunds(db, wallet, lnurl),
        payouts=build_payouts(settings, db, wallet, lnurl, clock),
        offers=offers,
        demands=Demands(
            offers,
            token_sat_max=settings.token_sat_max,
            topup_url=f"{settings.http_url}/v1/balance/topup",
        ),
        reconciliation=build_reconciliation(db, wallet, clock, alert),
    )


def build_payouts(
    settings: Settings, db: Database, wallet: Wallet, lnurl: Lnurl, clock: Clock
) -> Payouts:
    """What pays the operator, by itself or by a command."""
    return Payouts(
        db,
        wallet,
        lnurl,
        clock,
        minimum_sat=settings.min_payout_sat,
        maximum_sat=settings.max_payout_sat,
    )


def build_swaps(settings: Settings, db: Database, wallet: Wallet, clock: Clock) -> MintSwaps:
    """What moves ecash between mints, by itself or by a command."""
    policy = Rebalancing(settings.rebalance_above_sat, settings.rebalance_sat_per_day)
    return MintSwaps(db, wallet, clock, policy)


def start_money(money: Money, settings: Settings, supervisor: Supervisor) -> None:
    """Start what watches and finishes without being asked."""
    verify_s = settings.verify_interval_seconds or NEVER_SECONDS
    supervisor.every("claims", CLAIMS_SECONDS, money.refunds.watch_claims)
    supervisor.every("verify", verify_s, money.verifier.run)
    if pause_s := settings.consolidation_interval_seconds:
        supervisor.every("consolidation", pause_s, money.consolidations.run)
    supervisor.every("rebalancing", settings.rebalance_interval_seconds, money.swaps.rebalance)
    start_reconciliation(money.reconciliation, settings, supervisor)
    if address := settings.receive_ln_address:
        pause_s = settings.payout_interval_seconds
        supervisor.every("payouts", pause_s, lambda: money.payouts.run(address))


async def settle_rest(ledger: Ledger) -> None:
    """Charge, before the node ends, what could not be charged while the database was away."""
    try:
        await ledger.settle_late()
    except (DatabaseUnavailable, OutcomeUnknown) as error:
        _log.error("unsettled_at_stop", holds=sorted(ledger.live_holds()), reason=str(error))


def open_sealer(
    db: Database, clock: Clock, instance: int, node_key: NodeKey, stack: AsyncExitStack
) -> Sealer:
    """What seals transfers for an instance, a last time when the stack is closed."""
    sealer = Sealer(db, clock, instance, node_key.derive(seals.PURPOSE))
    stack.push_async_callback(seal_rest, sealer)
    return sealer


async def seal_rest(sealer: Sealer) -> None:
    """Seal, before the node ends, what was booked last."""
    try:
        await sealer.finish(wait_seconds=_LAST_SEAL_SECONDS)
    except (DatabaseUnavailable, OutcomeUnknown) as error:
        _log.warning("unsealed_at_stop", reason=error.code)
