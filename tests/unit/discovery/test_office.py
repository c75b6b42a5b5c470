from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.discovery import store
from routstr.discovery.events import Event, is_genuine
from routstr.discovery.identity import Identity
from routstr.discovery.keyring import KeyLocked, Keyring
from routstr.discovery.office import Office
from routstr.discovery.report import Report, Stand
from tests.unit.upstream.storing import database

ME = Identity(Secret("11" * 32))
RELAYS = ("wss://a.example.com",)


@dataclass
class Place:
    db: Database
    given: str = ""
    clock: ManualClock = field(default_factory=ManualClock)

    @property
    def office(self) -> Office:
        ring = Keyring(self.db, NodeKey(b"k" * 32), self.clock, Secret(self.given))
        return Office(self.db, self.clock, ring, RELAYS)

    async def values(self) -> store.Values:
        return await self.db.read(store.every)

    async def announced(self, provider: str) -> None:
        await self.db.write(lambda tx: store.remember_provider(tx, ME.pubkey, provider, 1))

    async def reported(self, npub: str) -> None:
        text = Report(Stand.ANNOUNCED, npub).encode()
        await self.db.write(lambda tx: store.put(tx, store.REPORT, text, 1))

    async def farewells(self) -> list[Event]:
        return msgspec.json.decode((await self.values())[store.FAREWELLS].value, type=list[Event])


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with database(tmp_path) as db:
        yield Place(db)


async def test_a_node_without_a_key(place: Place) -> None:
    standing = await place.office.standing()
    assert (standing.npub, standing.report, standing.relays) == ("", None, RELAYS)
    assert not standing.locked


async def test_another_key_takes_back_what_the_former_one_announced(place: Place) -> None:
    assert await place.office.change_key(Secret("11" * 32)) == ME.npub
    await place.announced("my-id")
    new = await place.office.create_key()
    assert (await place.office.standing()).npub == new != ME.npub
    empty, deletion = await place.farewells()
    assert is_genuine(empty)
    assert is_genuine(deletion)
    assert (empty.pubkey, empty.identifier, deletion.kind) == (ME.pubkey, "my-id", 5)


async def test_a_key_that_is_forgotten_says_farewell_too(place: Place) -> None:
    await place.office.change_key(Secret("11" * 32))
    await place.announced("my-id")
    assert await place.office.change_key(Secret(" ")) == ""
    assert (await place.office.standing()).npub == ""
    assert len(await place.farewells()) == 2


async def test_the_same_key_again_or_one_that_never_announced_says_nothing(place: Place) -> None:
    await place.office.change_key(Secret("22" * 32))
    await place.office.change_key(Secret("11" * 32))
    await place.announced("my-id")
    await place.office.change_key(Secret("11" * 32))
    assert store.FAREWELLS not in await place.values()


async def test_withdrawn_until_published(place: Place) -> None:
    await place.office.withdraw()
    assert (await place.office.standing()).withdrawn
    place.clock.advance(ms=5)
    await place.office.publish()
    assert not (await place.office.standing()).withdrawn
    assert (await place.values())[store.ASKED].changed_at == place.clock.ms


async def test_a_report_about_another_key_is_not_shown(place: Place) -> None:
    await place.office.change_key(Secret("11" * 32))
    for npub, known in ((ME.npub, True), ("npub1other", False)):
        await place.reported(npub)
        assert ((await place.office.standing()).report is not None) is known


async def test_the_key_of_the_settings_is_not_changed(place: Place) -> None:
    place.given = "11" * 32
    assert (await place.office.standing()).locked
    for secret in ("22" * 32, ""):
        with pytest.raises(KeyLocked):
            await place.office.change_key(Secret(secret))
