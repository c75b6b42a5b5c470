"""A desk that tells what a reviewer says, for the route and the page about it."""

from dataclasses import dataclass

from routstr.admin.nostr.network import NetworkDesk, NetworkShown, ReviewShown

SHOWN = NetworkShown(
    reviewer="npub1judge",
    read_at=7_000,
    review=ReviewShown("negative", "avoid", "<b>why", 5_000),
    nodes=3,
    curated=("a", "b"),
    curated_sold=("a",),
    mappings=2,
    mappings_here=(("<i>v", "a"),),
)


@dataclass
class Played(NetworkDesk):
    shown: NetworkShown

    async def show(self) -> NetworkShown:
        return self.shown
