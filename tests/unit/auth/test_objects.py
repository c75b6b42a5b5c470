from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from routstr.auth.objects import BODY_CHARS_MAX, KEPT_DAYS, Bound, Objects, Owner
from routstr.errors import AuthError, MissingApiKey
from tests.unit.auth.keyring import DAY_SECONDS, Keyring, keyring


@pytest_asyncio.fixture
async def keys(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


def shelf(keys: Keyring) -> Objects:
    return Objects(keys.world.db, keys.auth, keys.clock)


async def test_an_object_is_found_by_its_key_alone(keys: Keyring) -> None:
    objects = shelf(keys)
    mine, other = await keys.key(), await keys.key()
    owner = await objects.owner(f"Bearer {mine.key}")
    stranger = await objects.owner(f"Bearer {other.key}", just_paid=True)
    assert owner == Owner(mine.account) != stranger
    await objects.bind(owner, "p", "files", {"f-1": '{"id":"f-1"}', "f-2": "", "": "nameless"})
    assert await objects.find(owner, "f-1") == Bound("f-1", "p", "files", '{"id":"f-1"}')
    assert await objects.find(stranger, "f-1") is None
    assert await objects.find(Owner(owner.account, "child"), "f-1") is None
    assert {one.id for one in await objects.all(owner, "files")} == {"f-1", "f-2"}
    assert await objects.all(owner, "responses") == await objects.all(stranger, "files") == []


async def test_the_first_key_stands_and_may_learn_more(keys: Keyring) -> None:
    objects = shelf(keys)
    owner = await objects.owner(f"Bearer {(await keys.key()).key}")
    other = await objects.owner(f"Bearer {(await keys.key()).key}")
    await objects.bind(owner, "p", "files", {"f-1": "first"})
    await objects.bind(other, "q", "files", {"f-1": "stolen"})
    assert await objects.find(other, "f-1") is None
    await objects.bind(owner, "p", "files", {"f-1": ""})
    assert await objects.find(owner, "f-1") == Bound("f-1", "p", "files", "first")
    await objects.bind(owner, "p", "files", {"f-1": "newer"})
    assert await objects.find(owner, "f-1") == Bound("f-1", "p", "files", "newer")
    await objects.bind(owner, "p", "files", {"f-2": "x" * (BODY_CHARS_MAX + 1)})
    assert await objects.find(owner, "f-2") == Bound("f-2", "p", "files", "")


async def test_what_is_gone_is_forgotten_by_its_owner_or_in_time(keys: Keyring) -> None:
    objects = shelf(keys)
    owner = await objects.owner(f"Bearer {(await keys.key()).key}")
    await objects.bind(owner, "p", "files", {"f-1": "", "f-2": ""})
    await objects.forget(Owner(owner.account, "child"), "f-1")
    assert await objects.find(owner, "f-1") is not None
    await objects.forget(owner, "f-1")
    assert await objects.find(owner, "f-1") is None
    keys.clock.advance(seconds=KEPT_DAYS * DAY_SECONDS - 1)
    await objects.forget_old()
    assert await objects.find(owner, "f-2") is not None
    keys.clock.advance(seconds=2)
    await objects.forget_old()
    assert await objects.find(owner, "f-2") is None


async def test_who_has_no_key_has_no_objects(keys: Keyring) -> None:
    objects = shelf(keys)
    with pytest.raises(MissingApiKey):
        await objects.owner(None)
    with pytest.raises(AuthError):
        await objects.owner("Bearer sk-" + "0" * 64)
