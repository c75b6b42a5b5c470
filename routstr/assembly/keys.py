"""Keys beside the money on them: child keys, names, rotation, and what happens when they expire."""

from dataclasses import dataclass
from typing import Final

from routstr.assembly.money import Money
from routstr.auth.children import Children
from routstr.auth.expiry import ExpiredKeys
from routstr.auth.profile import Profiles
from routstr.balance.history import Histories
from routstr.balance.info import KeyInfo
from routstr.balance.key_service import KeyService
from routstr.balance.live import LOOK_SECONDS, LiveBalances
from routstr.balance.usage import Usages
from routstr.core.clock import Clock
from routstr.core.cors import Cors
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor

EXPIRY_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Keys:
    """What the endpoints about keys use, and what watches for keys that expire."""

    service: KeyService
    histories: Histories
    usages: Usages
    live: LiveBalances
    expired: ExpiredKeys


def build_keys(
    settings: Settings, db: Database, node_key: NodeKey, clock: Clock, money: Money
) -> Keys:
    """Put them together; nothing runs before :func:`start_expiry`."""
    children = Children(db, node_key, clock, settings.child_key_cost)
    return Keys(
        service=KeyService(
            db,
            money.auth,
            children,
            Profiles(db, node_key, clock),
            KeyInfo(db, money.auth, children, clock),
            money.intake,
        ),
        histories=Histories(db, money.auth),
        usages=Usages(db, money.auth),
        live=LiveBalances(db, money.auth, Cors(settings.cors_origins)),
        expired=ExpiredKeys(db, money.lightning, clock),
    )


def start_expiry(keys: Keys, supervisor: Supervisor) -> None:
    """Refund keys that have expired, where their owners said how."""
    supervisor.every("expired_keys", EXPIRY_SECONDS, keys.expired.refund)


def start_live(keys: Keys, supervisor: Supervisor) -> None:
    """Tell balances to those who watch them."""
    supervisor.every("live_balances", LOOK_SECONDS, keys.live.look)
