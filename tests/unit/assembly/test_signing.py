from pathlib import Path
from typing import cast

from routstr.assembly.signing import NodeSigner
from routstr.core.clock import ManualClock
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.discovery.identity import Identity
from routstr.discovery.keyring import Keyring
from routstr.errors import DatabaseUnavailable
from routstr.payment import signing
from tests.unit.upstream.storing import database

ME = Identity(Secret("11" * 32))
KEY = NodeKey(b"k" * 32)


class Away:
    """A keyring without a key, whose database comes and goes."""

    away = True

    async def identity(self) -> None:
        if self.away:
            raise DatabaseUnavailable


async def test_the_node_signs_with_its_key_on_nostr_as_soon_as_it_has_one(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        ring = Keyring(db, KEY, ManualClock(), Secret(""))
        signer = NodeSigner(ring, KEY)
        derived = await signer.pubkey()
        assert derived == await NodeSigner(ring, NodeKey(b"k" * 32)).pubkey()
        assert derived != await NodeSigner(ring, NodeKey(b"l" * 32)).pubkey()
        await ring.change(Secret("11" * 32))
        assert await signer.pubkey() == ME.pubkey
        told = (await signer.key()).sign({"type": "a-test"})
        signing.verify(told, pubkey=ME.pubkey)
        await ring.clear()
        assert await signer.pubkey() == derived


async def test_while_the_database_is_away_the_key_is_told_as_it_was_known() -> None:
    ring = Away()
    signer = NodeSigner(cast("Keyring", ring), KEY)
    assert await signer.pubkey() == ""
    ring.away = False
    known = await signer.pubkey()
    ring.away = True
    assert await signer.pubkey() == known != ""


async def test_a_key_that_cannot_be_opened_does_not_keep_receipts_back(tmp_path: Path) -> None:
    async with database(tmp_path) as db:
        await Keyring(db, NodeKey(b"x" * 32), ManualClock(), Secret("")).create()
        signer = NodeSigner(Keyring(db, KEY, ManualClock(), Secret("")), KEY)
        assert len(await signer.pubkey()) == 64
