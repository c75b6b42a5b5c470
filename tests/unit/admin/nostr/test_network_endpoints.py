"""What a reviewer says, over the admin API."""

from routstr.admin.nostr.network import NetworkShown
from routstr.admin.nostr.network_endpoints import NetworkAnswer, show_network
from tests.unit.admin.nostr_network import SHOWN, Played


async def test_all_of_it_is_told() -> None:
    assert (await show_network(Played(SHOWN))).model_dump() == {
        "reviewer": "npub1judge",
        "read_at": 7,
        "review": {"verdict": "negative", "label": "avoid", "words": "<b>why", "created_at": 5},
        "nodes": 3,
        "curated_models": ["a", "b"],
        "curated_models_sold": ["a"],
        "mappings": 2,
        "mappings_here": [{"variant": "<i>v", "canonical": "a"}],
    }
    nothing = NetworkAnswer.of(NetworkShown(""))
    assert (nothing.read_at, nothing.review, nothing.nodes) == (None, None, None)
