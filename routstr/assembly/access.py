"""Who is let in as the operator."""

from routstr.admin.passwords import Passwords
from routstr.admin.sessions import Sessions
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings


def build_sessions(settings: Settings, db: Database, node_key: NodeKey, clock: Clock) -> Sessions:
    """The sessions of the operator, whose password may stand in the settings."""
    return Sessions(db, node_key, clock, Passwords(db, node_key, clock, settings.admin_password))
