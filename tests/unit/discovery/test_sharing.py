"""Sums that are published beside an announcement."""

from pathlib import Path

from devkit.relay import NostrRelay
from routstr.core.http import outgoing_session
from routstr.core.settings import Settings
from routstr.discovery import store
from routstr.discovery.announcement import ANALYTICS
from routstr.discovery.announcer import Announcer
from routstr.discovery.sharing import PAUSE_SECONDS, Sharing
from tests.unit.discovery.announcing import Announcing
from tests.unit.upstream.storing import database


def sharing(node: Announcing, announcer: Announcer) -> Sharing:
    return Sharing(node.db, node.clock, node.keyring, node.lease("one"), announcer)


async def test_sums_are_published_when_they_have_changed(tmp_path: Path) -> None:
    async with (
        database(tmp_path) as db,
        outgoing_session(Settings(), allow_loopback=True) as session,
        NostrRelay() as relay,
    ):
        node = Announcing(db, session, [relay])
        announcer = node.announcer()
        sums = sharing(node, announcer)
        await sums.run()
        assert announcer.outbox.empty, "it is not announced yet"
        await announcer.run()
        await sums.run()
        await announcer.run()
        (first,) = relay.held(ANALYTICS)
        assert ["d", f"{first['pubkey'][:12]}:stats"] in first["tags"]
        node.clock.advance(seconds=PAUSE_SECONDS + 1)
        await sums.run()
        assert announcer.outbox.empty, "nothing has changed"
        await node.say(store.WITHDRAWN)
        node.clock.advance(seconds=PAUSE_SECONDS + 1)
        await announcer.run()
        await sums.run()
        assert announcer.outbox.empty
        assert relay.held(ANALYTICS) == [], "they go with the announcement"
