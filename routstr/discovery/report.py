"""What is known of the node on Nostr, kept for the pages of every instance."""

from enum import StrEnum

import msgspec
from msgspec import Struct

from routstr.discovery import store
from routstr.discovery.events import Event
from routstr.discovery.relays import RelayState


class Stand(StrEnum):
    """How it stands with the announcement."""

    NO_KEY = "no_key"
    NO_ADDRESS = "no_address"
    NO_RELAY = "no_relay"
    WAITING = "waiting"
    """No relay has answered or taken it yet."""
    ANNOUNCED = "announced"
    WITHDRAWN = "withdrawn"
    BROKEN_KEY = "broken_key"
    """The stored key cannot be opened or is none."""


class RelayReport(Struct, frozen=True):
    """How a relay fares, and whether it has what is announced."""

    state: RelayState
    holds: bool
    own_list: bool = False
    """It comes from the list of relays of the key's owner (NIP-65)."""


class Report(Struct, frozen=True):
    """What the publishing instance last saw. Times in ms since 1970."""

    stand: Stand
    npub: str = ""
    provider: str = ""
    event: Event | None = None
    """What is announced, or withdrawn."""
    relays: tuple[RelayReport, ...] = ()
    looked_at: int | None = None
    """When relays were last asked what they hold."""

    def encode(self) -> bytes:
        """As it is kept."""
        return msgspec.json.encode(self)


def last_report(values: store.Values) -> Report | None:
    """The one that was kept last; None: there is none, or an older program's."""
    kept = values.get(store.REPORT)
    try:
        return None if kept is None else msgspec.json.decode(kept.value, type=Report)
    except msgspec.MsgspecError:
        return None
