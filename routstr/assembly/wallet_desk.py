"""The operator's view of the wallet, put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aiohttp import ClientSession

from routstr.admin.wallet.actions import WalletActions
from routstr.admin.wallet.desk import WalletDesk
from routstr.assembly.money import Money
from routstr.assembly.process import Process
from routstr.assembly.wallet import open_wallet
from routstr.core.settings import Settings
from routstr.payment.resolving import Resolver
from routstr.payment.standing import Homes
from routstr.payment.verification import Verifications
from routstr.wallet.service import Wallet

_STOP_SECONDS: Final = 5.0


def build_wallet_desk(
    settings: Settings,
    process: Process,
    wallet: Wallet,
    instance: int,
    outgoing: ClientSession,
    money: Money,
    stack: AsyncExitStack,
) -> WalletActions:
    """Put together what the routes and the pages of the wallet ask."""
    db, clock = process.db, process.clock

    @asynccontextmanager
    async def reaching(unlisted: tuple[str, ...]) -> AsyncIterator[Wallet]:
        """The wallet; for unlisted mints another one of this instance, for as long as it takes."""
        if not unlisted:
            yield wallet
            return
        other = await open_wallet(
            settings, db, process.node_key, instance, outgoing, clock, unlisted=unlisted
        )
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
