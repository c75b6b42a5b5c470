from pathlib import Path

import msgspec
import nostr_sdk

from devkit.relay import NostrRelay
from routstr.core.clock import ManualClock
from routstr.core.http import outgoing_session
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.discovery.events import MESSAGE_RELAYS, SEAL_WRAP, Draft
from routstr.discovery.identity import Identity
from routstr.discovery.keyring import Keyring
from routstr.discovery.messenger import Messenger
from routstr.discovery.relays import RelayPool
from tests.unit.upstream.storing import database

ME = Identity(Secret("11" * 32))
BOB = Identity(Secret("33" * 32))


async def test_a_message_reaches_the_relays_that_its_reader_names(tmp_path: Path) -> None:
    async with (
        database(tmp_path) as db,
        outgoing_session(Settings(), allow_loopback=True) as session,
        NostrRelay() as ours,
        NostrRelay() as theirs,
    ):
        clock = ManualClock()
        tags = (("relay", "ws://10.0.0.1"), ("relay", theirs.url))
        ours.keep(msgspec.json.decode(str_of(BOB.sign(Draft(MESSAGE_RELAYS, tags), 1))))

        def messenger(given: Secret, npub: str = BOB.npub) -> Messenger:
            ring = Keyring(db, NodeKey(b"k" * 32), clock, given)
            return Messenger(ring, RelayPool([ours.url], session, clock), npub, allow_insecure=True)

        assert not await messenger(Secret()).send("nobody signs"), "there is no key"
        assert not await messenger(ME.secret(), "npub1" + "q" * 58).send("to nobody")
        assert await messenger(ME.secret()).send("The mint is down.")
        ours.play = theirs.play = "refuse"
        assert not await messenger(ME.secret()).send("nobody took it")
    (event,) = theirs.held(SEAL_WRAP)
    opened = nostr_sdk.UnwrappedGift.from_gift_wrap(
        nostr_sdk.Keys.parse(BOB.secret().reveal()), nostr_sdk.Event.from_json(str_of(event))
    )
    assert opened.rumor().content() == "The mint is down."
    assert opened.sender().to_hex() == ME.pubkey


def str_of(event: object) -> str:
    return msgspec.json.encode(event).decode()
