from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey, SealBroken
from routstr.core.secret import Secret
from routstr.errors import ProviderExists, ProviderInvalid, ProviderNotFound
from routstr.upstream.adapters import ADAPTERS
from routstr.upstream.adapters.base import Adapter
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.description import Description
from routstr.upstream.service import Providers
from tests.unit.upstream.storing import NODE_KEY, database, providers

KEYS = (Secret("sk-planted-1"), Secret("sk-planted-2"))
GROQ = Description(kind="groq", keys=KEYS)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with database(tmp_path) as opened:
        yield opened


async def test_a_provider_is_stored_with_all_that_was_said(db: Database) -> None:
    clock = ManualClock()
    wanted = Description(
        kind="azure",
        slug="mine",
        base_url="https://mine.openai.azure.com/",
        keys=KEYS,
        fee=Decimal("1.10"),
        priority=3,
        enabled=False,
        options={"api_version": "2025-01-01", "idle_seconds": 5},
    )
    made = await providers(db, clock).add(wanted)
    (stored,) = await providers(db).every()
    assert stored == made
    assert (stored.id, stored.slug, stored.adapter.name) == (1, "mine", "azure")
    assert (stored.keys, stored.fee, stored.priority) == (KEYS, Decimal("1.10"), 3)
    assert (stored.enabled, stored.created_at) == (False, clock.now_ms())
    profile = stored.profile(UpstreamLimits())
    assert (profile.name, profile.base_url) == ("mine", "https://mine.openai.azure.com")
    assert (profile.limits.idle_s, profile.options) == (5, {"api_version": "2025-01-01"})


async def test_a_name_is_made_where_none_is_given(db: Database) -> None:
    one = providers(db, taken="openai")
    names = [(await one.add(Description(kind=kind, keys=()))).slug for kind in ("groq", "openai")]
    names.append((await one.add(Description(kind="groq"))).slug)
    assert names == ["groq", "openai-2", "groq-2"]


async def test_what_is_not_named_stays(db: Database) -> None:
    clock = ManualClock()
    one = providers(db, clock)
    before = await one.add(GROQ)
    clock.advance(seconds=1)
    after = await one.edit("groq", Description(priority=9))
    assert (after.priority, after.keys, after.created_at) == (9, KEYS, before.created_at)
    assert after.updated_at == before.updated_at + 1_000
    assert (await one.edit("1", Description(fee=Decimal(2)))).fee == 2
    assert (await one.edit("1", Description(fee=None))).fee is None
    assert (await one.edit("1", Description(keys=()))).keys == ()


async def test_stored_keys_are_never_sent_to_another_address(db: Database) -> None:
    one = providers(db)
    await one.add(Description(kind="generic", base_url="https://here.example/v1", keys=KEYS))
    away = Description(base_url="https://there.example/v1")
    with pytest.raises(ProviderInvalid, match="say the keys"):
        await one.edit("1", away)
    assert (await one.get("1")).base_url == "https://here.example/v1"
    assert (await one.edit("1", Description(base_url="https://here.example/v2"))).keys == KEYS
    moved = await one.edit("1", replace(away, keys=KEYS[:1]))
    assert (moved.base_url, moved.keys) == ("https://there.example/v1", KEYS[:1])
    await one.edit("1", Description(keys=()))
    assert (await one.edit("1", Description(base_url="https://back.example/v1"))).keys == ()


async def test_every_change_changes_the_versions_and_an_id_is_given_once(db: Database) -> None:
    one = providers(db)
    seen = [await one.versions()]
    await one.add(GROQ)
    seen.append(await one.versions())
    await one.edit("groq", Description(enabled=False))
    seen.append(await one.versions())
    await one.remove("groq")
    seen.append(await one.versions())
    again = await one.add(GROQ)
    seen.append(await one.versions())
    assert again.id == 2
    assert len({*seen}) == 4, "nothing is as nothing was at first"
    assert seen[0] == seen[3] == ()


async def test_two_of_a_name_or_of_an_address_and_key_are_refused(db: Database) -> None:
    one = providers(db, taken="local")
    await one.add(GROQ)
    with pytest.raises(ProviderExists, match="this address and this key"):
        await one.add(Description(kind="groq", slug="other", keys=KEYS[:1]))
    second = await one.add(Description(kind="groq", slug="other", keys=(Secret("another"),)))
    with pytest.raises(ProviderExists, match="this address and this key"):
        await one.edit(second.slug, Description(keys=KEYS))
    for taken in ("groq", "local"):
        with pytest.raises(ProviderExists, match=taken):
            await one.edit(second.slug, Description(slug=taken))
    assert [stored.slug for stored in await one.every()] == ["groq", "other"]


async def test_what_is_wrong_changes_nothing(db: Database) -> None:
    one = providers(db)
    stored = await one.add(GROQ)
    for wrong in (
        Description(slug="No"),
        Description(base_url="https://10.0.0.1"),
        Description(kind="nobody"),
        Description(priority=10**9),
    ):
        with pytest.raises(ProviderInvalid):
            await one.edit("groq", wrong)
    with pytest.raises(ProviderInvalid, match="provider_type"):
        await one.add(Description(slug="abc"))
    assert await one.every() == [stored]


@pytest.mark.parametrize("which", ["nobody", "2", "", "-1", "groq "])
async def test_who_is_not_there_is_not_found(db: Database, which: str) -> None:
    one = providers(db)
    await one.add(GROQ)
    for act in (one.get(which), one.edit(which, Description()), one.remove(which)):
        with pytest.raises(ProviderNotFound):
            await act


async def test_keys_lie_sealed_and_only_the_node_s_key_opens_them(
    db: Database, tmp_path: Path
) -> None:
    await providers(db).add(GROQ)
    lying = b"".join(file.read_bytes() for file in tmp_path.glob("node.db*"))
    assert b"sk-planted" not in lying
    other = Providers(db, NodeKey(bytes(32)), ManualClock(), allow_insecure=False)
    with pytest.raises(SealBroken):
        await other.every()


async def test_a_type_of_another_package_is_a_type_like_any_other(db: Database) -> None:
    own = Adapter(name="own", title="Own", base_url="https://api.own.example/v1")
    adapters = {**ADAPTERS, "own": own}
    one = Providers(db, NODE_KEY, ManualClock(), allow_insecure=False, adapters=adapters)
    await one.add(Description(kind="own"))
    (stored,) = await one.every()
    assert (stored.adapter, stored.base_url) == (own, own.base_url)


async def test_a_type_that_is_not_installed_any_more_speaks_nothing(db: Database) -> None:
    one = providers(db)
    await one.add(GROQ)
    await db.write(lambda tx: tx.sql.exec_driver_sql("UPDATE providers SET kind = 'own'"))
    (stored,) = await one.every()
    assert stored.adapter.name == "own"
    assert not stored.adapter.speaks("/v1/chat/completions")
