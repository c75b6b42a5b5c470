"""Keys with money on a real database, and what their holders do with them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from routstr.auth.children import Children
from routstr.auth.profile import Profiles
from routstr.auth.service import Authenticator, KeyCompletion, Payer
from routstr.auth.terms import NO_TERMS, KeyTerms
from routstr.core.clock import ManualClock
from routstr.ledger import books, instances
from routstr.ledger.books import Balance
from routstr.ledger.entries import Held, HoldRequest, Refused, Settled, Settlement
from routstr.ledger.service import Ledger
from routstr.money import Msat
from routstr.payment.audit import audit
from routstr.payment.deposits import TOPUP, TopupCompletion
from routstr.payment.intake import Intake
from routstr.payment.used_tokens import CREATE
from routstr.wallet import token
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import KEY, World, open_world

COST: Final = Msat(1_000)
DAY_SECONDS: Final = 86_400


@dataclass
class Keyring:
    """One instance of the node as far as keys are concerned; ``clock`` is that of all."""

    world: World
    clock: ManualClock
    auth: Authenticator
    children: Children
    profiles: Profiles
    ledger: Ledger

    async def key(self, sats: int = 8, terms: KeyTerms = NO_TERMS) -> Payer:
        """A new key with so many sat."""
        text = token.encode_b(self.world.mint.token(sats))
        return (await self.auth.create_api_key(text, terms=terms)).payer

    async def payer(self, key: str) -> Payer:
        """Who a paid request is for, as this instance remembers."""
        return await self.auth.payer(f"Bearer {key}")

    async def hold(self, payer: Payer, wanted: int, *, minimum: int = 1) -> Held | Refused:
        return await self.ledger.hold(
            HoldRequest(
                account=payer.account,
                minimum=Msat(minimum),
                wanted=Msat(wanted),
                request_id="r",
                model="m",
                endpoint="e",
                price_version=1,
                rates="",
                mark=payer.mark,
            )
        )

    async def spend(self, payer: Payer, amount: int) -> Settled:
        """A request that costs so much."""
        held = await self.hold(payer, amount, minimum=amount)
        assert isinstance(held, Held), held
        return await self.ledger.settle(Settlement(held.hold, Msat(amount), 1, 1, estimated=False))

    async def balance(self, payer: Payer) -> Balance:
        return await self.world.db.read(lambda c: books.balance(c, payer.account))

    async def another(self) -> "Keyring":
        """The same on another instance of the node."""
        return await _keyring(self.world, self.clock)


async def _keyring(world: World, clock: ManualClock) -> Keyring:
    instance = await world.db.write(instances.register)
    wallet = world.house.wallet
    return Keyring(
        world,
        clock,
        Authenticator(world.db, Intake(wallet, clock), KEY, clock),
        Children(world.db, KEY, clock, COST),
        Profiles(world.db, KEY, clock),
        Ledger(world.db, clock, instance, await Ledger.open_books(world.db, clock)),
    )


@asynccontextmanager
async def keyring(folder: Path) -> AsyncIterator[Keyring]:
    """A node's keys; at the end its books are proven."""
    clock = ManualClock()
    async with open_world(folder, PlayedMint(Signer(fee=0)), clock=clock) as world:
        world.house.wallet.register(CREATE, KeyCompletion(clock))
        world.house.wallet.register(TOPUP, TopupCompletion(clock))
        yield await _keyring(world, clock)
        outcome = await world.db.read(audit)
        assert outcome.holds, outcome.checks
