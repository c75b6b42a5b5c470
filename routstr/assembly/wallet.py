"""The wallet, with everyone who books what it moves.

A saga can be finished by a node or by a command. Both get here the same completions, and so book
the same.
"""

from functools import partial

from aiohttp import ClientSession

from routstr.auth.service import KeyCompletion, LateKeyCompletion
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.core.metrics.telemetry import Telemetry
from routstr.core.node_key import NodeKey
from routstr.core.setting_types import mint_amounts
from routstr.core.settings import Settings
from routstr.payment.capital import CAPITAL, CapitalCompletion
from routstr.payment.consolidation import CONSOLIDATION, ConsolidationCompletion
from routstr.payment.deposits import (
    FOREIGN_CREATE,
    FOREIGN_TOPUP,
    LIGHTNING_CREATE,
    LIGHTNING_TOPUP,
    TOPUP,
    PaidCompletion,
    TopupCompletion,
)
from routstr.payment.donations import DONATION, DonationCompletion
from routstr.payment.foreign_books import PASSING, PassingCompletion
from routstr.payment.lightning_refund import LIGHTNING_REFUND, LightningRefundCompletion
from routstr.payment.moving_books import (
    SWAP_IN,
    SWAP_OUT,
    SwapInCompletion,
    SwapOutCompletion,
)
from routstr.payment.payout_books import (
    PAYOUT,
    WITHDRAW,
    PayoutCompletion,
    WithdrawCompletion,
)
from routstr.payment.refund_books import REFUND, RefundCompletion
from routstr.payment.used_tokens import CREATE, PAYMENT
from routstr.payment.withdrawals import KEY_WITHDRAWAL, KeyWithdrawalCompletion
from routstr.payment.x_cashu import PaymentCompletion
from routstr.wallet.exposure import Exposure
from routstr.wallet.mint import Mint
from routstr.wallet.mint_gate import MintGate
from routstr.wallet.mints import Mints
from routstr.wallet.seed import load_seed, were_shown
from routstr.wallet.service import Wallet

_log = get_logger(__name__)


async def remind_of_seed(db: Database) -> None:
    """Say, as long as nobody has seen the wallet's words, how to see them."""
    if not await db.write(were_shown):
        _log.warning(
            "seed_not_written_down",
            hint="run `routstr wallet seed` and write down the twelve words: without them and "
            "without this database the ecash is lost",
        )


def open_mints(
    settings: Settings,
    db: Database,
    session: ClientSession,
    clock: Clock,
    *,
    unlisted: tuple[str, ...] = (),
    telemetry: Telemetry | None = None,
) -> Mints:
    """Make the mints of the settings known, the primary one first.

    ``unlisted`` are further mints that may be spoken to, as normal URLs which the caller has
    checked like those of ``CASHU_MINTS``; ``telemetry`` counts the calls.
    """

    def connect(url: str) -> Mint:
        gate = MintGate(clock, parallel=settings.mint_max_concurrency)
        seconds = settings.mint_operation_timeout_seconds
        if telemetry is None:
            return Mint(url, session, gate, timeout_s=seconds)
        called = partial(telemetry.mint_called, url)
        return Mint(url, session, gate, timeout_s=seconds, called=called)

    primary = settings.primary_mint_url
    others = tuple(url for url in settings.cashu_mints if url != primary)
    listed = (primary, *others) if primary else others
    exposure = Exposure(
        db,
        listed,
        most_sat=settings.mint_exposure_sat_max,
        by_mint=mint_amounts(settings.mint_exposure_sat_max_of),
    )
    return Mints((*listed, *unlisted), connect, db, clock, exposure, foreign=settings.swap_mints)


async def open_wallet(  # noqa: PLR0913 - one argument per part that it is made of
    settings: Settings,
    db: Database,
    node_key: NodeKey,
    instance: int,
    session: ClientSession,
    clock: Clock,
    *,
    unlisted: tuple[str, ...] = (),
    telemetry: Telemetry | None = None,
) -> Wallet:
    """Build the wallet of an instance, with everyone who books what it moves.

    ``unlisted`` and ``telemetry`` as for :func:`open_mints`.
    """
    wallet = Wallet.build(
        db,
        clock,
        node_key,
        await load_seed(db, node_key),
        instance,
        open_mints(settings, db, session, clock, unlisted=unlisted, telemetry=telemetry),
        proofs_max=settings.token_proofs_max,
        sat_max=settings.token_sat_max,
    )
    wallet.register(CREATE, KeyCompletion(clock))
    wallet.register(TOPUP, TopupCompletion(clock))
    wallet.register(LIGHTNING_CREATE, PaidCompletion(KeyCompletion(clock)))
    wallet.register(LIGHTNING_TOPUP, PaidCompletion(TopupCompletion(clock)))
    wallet.register(FOREIGN_CREATE, PaidCompletion(LateKeyCompletion(clock)))
    wallet.register(FOREIGN_TOPUP, PaidCompletion(TopupCompletion(clock)))
    wallet.register(PASSING, PassingCompletion(clock))
    wallet.register(REFUND, RefundCompletion(clock))
    wallet.register(LIGHTNING_REFUND, LightningRefundCompletion(clock))
    wallet.register(KEY_WITHDRAWAL, KeyWithdrawalCompletion(clock))
    wallet.register(PAYOUT, PayoutCompletion(clock))
    wallet.register(WITHDRAW, WithdrawCompletion(clock))
    wallet.register(PAYMENT, PaymentCompletion(clock))
    wallet.register(DONATION, DonationCompletion(clock))
    wallet.register(CAPITAL, CapitalCompletion(clock))
    wallet.register(SWAP_OUT, SwapOutCompletion(clock))
    wallet.register(SWAP_IN, SwapInCompletion(clock))
    wallet.register(CONSOLIDATION, ConsolidationCompletion(clock))
    return wallet
