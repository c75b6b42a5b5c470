"""What an operator sees and does about the node on Nostr: the port, filled in where it is wired."""

from typing import Protocol

from msgspec import Struct

from routstr.core.secret import Secret


class RelayShown(Struct, frozen=True):
    """A relay. Times in ms since 1970; no ``error``: the last thing went well."""

    url: str
    holds: bool = False
    """It has what is announced."""
    own_list: bool = False
    """It comes from the owner's own list of relays (NIP-65), not from the settings."""
    last_ok: int | None = None
    last_error: int | None = None
    error: str = ""


class Announced(Struct, frozen=True):
    """What is announced now; ``created_at`` in ms since 1970."""

    id: str
    provider: str
    created_at: int
    urls: tuple[str, ...]
    mints: tuple[str, ...]
    content: str


class Shown(Struct, frozen=True):
    """How it stands; ``stand`` is one of :class:`routstr.discovery.report.Stand`."""

    npub: str
    locked: bool
    """The environment names the key."""
    withdrawn: bool
    stand: str
    announced: Announced | None
    looked_at: int | None
    relays: tuple[RelayShown, ...]


class NostrDesk(Protocol):
    """The use cases."""

    async def show(self) -> Shown:
        """How it stands."""
        ...

    async def change_key(self, nsec: Secret) -> str:
        """Use another key; the npub. An empty one: none.

        Raises ``NostrKeyUnfit``, ``NostrKeyLocked``.
        """
        ...

    async def create_key(self) -> str:
        """Make a new key; the npub. Raises ``NostrKeyLocked``."""
        ...

    async def publish(self) -> None:
        """Be found, and look at once what relays hold."""
        ...

    async def withdraw(self) -> None:
        """Be found no more, until it is published again."""
        ...
