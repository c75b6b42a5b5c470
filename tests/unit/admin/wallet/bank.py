"""The wallet's routes and pages over a real database and played mints; whoever asks is let in."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from fastapi import FastAPI

from routstr.admin.pages import wallet as pages
from routstr.admin.pages.door import Signed, signed_in
from routstr.admin.wallet import endpoints
from routstr.admin.wallet.actions import WalletActions
from routstr.admin.wallet.desk import WalletDesk
from routstr.core.rendering import install_error_handlers
from routstr.payment.alerts import LoggedAlert
from routstr.payment.consolidation import (
    CONSOLIDATION,
    ConsolidationCompletion,
    Consolidations,
)
from routstr.payment.moving import MintSwaps, Rebalancing
from routstr.payment.moving_books import SWAP_IN, SWAP_OUT, SwapInCompletion, SwapOutCompletion
from routstr.payment.resolving import Resolver
from routstr.payment.standing import Homes
from routstr.payment.verification import Verifications
from routstr.payment.verifier import Verifier
from routstr.theme.engine import Theme
from routstr.wallet.service import Wallet
from tests.unit.core.asgi import Answer, ask
from tests.unit.payment.lightning import BOB, FIRST, SECOND, Desk, open_desk
from tests.unit.wallet.paying_mint import PayingMint
from tests.unit.wallet.signing import Signer

STALE_SECONDS = 60.0


@dataclass
class Bank:
    """``world`` is where customers pay; ``actions`` is what the operator has."""

    world: Desk
    actions: WalletActions
    app: FastAPI

    async def call(self, method: str, path: str, body: object = None) -> Answer:
        """Ask the JSON interface."""
        chunk = b"" if body is None else msgspec.json.encode(body)
        headers = [("Content-Type", "application/json")]
        return await ask(self.app, method, path, headers=headers, chunks=(chunk,))

    async def told(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.call(method, path, body)
        assert answer.status == 200, answer.body
        return answer.json()

    async def page(self, path: str, fields: Mapping[str, str] | None = None) -> Answer:
        """Look at a page, or send a form."""
        if fields is None:
            return await ask(self.app, "GET", path)
        headers = [("Content-Type", "application/x-www-form-urlencoded")]
        body = urlencode(fields).encode()
        return await ask(self.app, "POST", path, headers=headers, chunks=(body,))

    async def text(self, path: str) -> str:
        answer = await self.page(path)
        assert answer.status == 200, answer.body
        return answer.body.decode()


@asynccontextmanager
async def open_bank(folder: Path) -> AsyncIterator[Bank]:
    """A customer has spent 200 of 512 sat at the first mint; the second one is empty."""
    mints = PayingMint(Signer()), PayingMint(Signer(), url=SECOND)
    async with open_desk(folder, *mints) as desk:
        await desk.earn(await desk.account(512), 200)
        bank = Bank(desk, _actions(desk), FastAPI())
        _route(bank)
        yield bank
        await bank.actions.desk.verifications.stop()


def _actions(desk: Desk) -> WalletActions:
    db, clock, wallet = desk.world.db, desk.world.clock, desk.house.wallet
    wallet.register(SWAP_OUT, SwapOutCompletion(clock))
    wallet.register(SWAP_IN, SwapInCompletion(clock))
    wallet.register(CONSOLIDATION, ConsolidationCompletion(clock))

    @asynccontextmanager
    async def reach(_: tuple[str, ...]) -> AsyncIterator[Wallet]:
        yield wallet

    verifier = Verifier(db, clock, LoggedAlert())
    looking = WalletDesk(
        db,
        wallet,
        clock,
        desk.payouts,
        MintSwaps(db, wallet, clock, Rebalancing(0, 0)),
        Verifications(verifier, clock),
        Homes(db, clock),
        STALE_SECONDS,
    )
    resolver = Resolver(db, reach, wallet.mints.urls, False, STALE_SECONDS)
    return WalletActions(looking, Consolidations(wallet, clock, per_amount_max=16), resolver, BOB)


def _route(bank: Bank) -> None:
    app = bank.app
    install_error_handlers(app)
    app.include_router(endpoints.router)
    app.include_router(pages.router)
    for one in endpoints.router.dependencies:
        assert one.dependency is not None
        app.dependency_overrides[one.dependency] = _nothing
    app.dependency_overrides[signed_in] = lambda: Signed("token", "mark")
    packages = {"theme": "routstr.theme", "admin": "routstr.admin"}
    app.state.theme = Theme(packages, {"name": "Node", "version": "0"})
    app.state.admin_wallet = bank.actions


def _nothing() -> None:
    """Whoever asks is let in."""


__all__ = ["BOB", "FIRST", "SECOND", "Bank", "open_bank"]
