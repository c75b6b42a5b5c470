"""The operator's view of the wallet, put together."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, TypeAlias

from routstr.admin.wallet.actions import WalletActions
from routstr.admin.wallet.desk import WalletDesk
from routstr.assembly.money import Money
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.settings import Settings
from routstr.payment.resolving import Resolver
from routstr.payment.standing import Homes
from routstr.payment.verification import Verifications
from routstr.wallet.service import Wallet

_STOP_SECONDS: Final = 5.0
Another: TypeAlias = Callable[[tuple[str, ...]], Awaitable[Wallet]]
"""Makes another wallet of the same instance, which may speak to these mints, too."""


def build_wallet_desk(
    settings: Settings,
    db: Database,
    clock: Clock,
    wallet: Wallet,
    another: Another,
    money: Money,
    stack: AsyncExitStack,
) -> WalletActions:
    """Put together what the routes and the pages of the wallet ask."""

    @asynccontextmanager
    async def reaching(unlisted: tuple[str, ...]) -> AsyncIterator[Wallet]:
        """The wallet; for unlisted mints another one, for as long as it takes."""
        if not unlisted:
            yield wallet
            return
        other = await another(unlisted)
        try:
            yield other
        finally:
            await other.drain(_STOP_SECONDS)

    verifications = Verifications(money.verifier, clock)
    stack.push_async_callback(verifications.stop)
    stale = settings.instance_stale_seconds
    desk = WalletDesk(
        db, wallet, clock, money.payouts, money.swaps, verifications, Homes(db, clock), stale
    )
    resolver = Resolver(
        db, reaching, wallet.mints.urls, settings.allow_insecure_mints, stale_seconds=stale
    )
    return WalletActions(desk, money.consolidations, resolver, settings.receive_ln_address)
