"""The services of the endpoints about keys, on a real database and a played mint."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from routstr.balance.history import Histories
from routstr.balance.info import KeyInfo
from routstr.balance.key_service import KeyService
from routstr.payment.donations import DONATION, DonationCompletion
from routstr.payment.intake import Intake
from tests.unit.auth.keyring import Keyring, keyring


@dataclass
class Desk:
    """What one instance serves."""

    ring: Keyring
    info: KeyInfo
    histories: Histories
    service: KeyService


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """A node's keys and their endpoints' services; at the end its books are proven."""
    async with keyring(folder) as ring:
        wallet, db = ring.world.house.wallet, ring.world.db
        wallet.register(DONATION, DonationCompletion(ring.clock))
        info = KeyInfo(db, ring.auth, ring.children, ring.clock)
        intake = Intake(wallet, ring.clock)
        service = KeyService(db, ring.auth, ring.children, ring.profiles, info, intake)
        yield Desk(ring, info, Histories(db, ring.auth), service)
