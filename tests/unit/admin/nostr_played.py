"""A desk that notes what is wanted, for the routes and the page of Nostr."""

from dataclasses import dataclass, field

from routstr.admin.nostr.desk import Announced, NostrDesk, RelayShown, Shown
from routstr.core.secret import Secret
from routstr.errors import NostrKeyUnfit

NPUB = "npub1" + "q" * 58
ANNOUNCED = Announced(
    "e" * 64, "my-id", 1_000_000, ("https://n.example.com",), (), '{"name":"<b>Bob","about":"x"}'
)
RELAYS = (
    RelayShown("wss://a.example.com", holds=True, last_ok=5_000),
    RelayShown("wss://b.example.com", own_list=True, last_error=6_000, error="<i>blocked"),
)


@dataclass
class PlayedNostr(NostrDesk):
    npub: str = NPUB
    locked: bool = False
    withdrawn: bool = False
    stand: str = "announced"
    wanted: list[str] = field(default_factory=list)

    async def show(self) -> Shown:
        announced = ANNOUNCED if self.npub else None
        return Shown(self.npub, self.locked, self.withdrawn, self.stand, announced, 7_000, RELAYS)

    async def change_key(self, nsec: Secret) -> str:
        text = nsec.reveal()
        if text == "bad":
            raise NostrKeyUnfit("The key must be a secret key of Nostr.")
        self.wanted.append(f"key {text}".strip())
        self.npub = NPUB if text else ""
        return self.npub

    async def create_key(self) -> str:
        self.wanted.append("create")
        self.npub = NPUB
        return NPUB

    async def publish(self) -> None:
        self.wanted.append("publish")

    async def withdraw(self) -> None:
        self.wanted.append("withdraw")
