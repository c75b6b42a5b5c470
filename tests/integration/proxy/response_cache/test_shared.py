"""Answers in a real Redis server: sealed, bounded, and missed without harm."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest_asyncio

from devkit.redis import RedisServer
from routstr.core.clock import SystemClock
from routstr.core.fuse import Fuse
from routstr.core.node_key import NodeKey
from routstr.core.redis import Redis, open_redis
from routstr.core.secret import Secret
from routstr.proxy.response_cache.kept import Kept
from routstr.proxy.response_cache.shared import SharedShelf
from tests.unit.proxy.response_cache.caching import KEPT

NODE = NodeKey(b"k" * 32)


@pytest_asyncio.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    async with open_redis(Secret(redis_server.url)) as client:
        yield client
        await client.flushall()


def shelf_of(
    redis: Redis, node: NodeKey = NODE, *, seconds: float = 60, bytes_max: int = 1 << 20
) -> SharedShelf:
    fuse = Fuse("response_cache", SystemClock())
    return SharedShelf(redis, node, fuse, seconds=seconds, bytes_max=bytes_max)


async def keep(shelf: SharedShelf, name: str, kept: Kept = KEPT) -> None:
    shelf.keep(name, kept)
    await shelf.close()


async def test_what_one_instance_keeps_another_finds(redis: Redis) -> None:
    await keep(shelf_of(redis), "a")
    assert await shelf_of(redis).find("a") == KEPT
    assert await shelf_of(redis).find("b") is None
    assert await shelf_of(redis, NodeKey(b"o" * 32)).find("a") is None


async def test_the_server_learns_nothing_and_can_change_nothing(redis: Redis) -> None:
    shelf = shelf_of(redis)
    secret = msgspec.structs.replace(KEPT, body=b'{"said":"my secret"}')
    await keep(shelf, "a", secret)
    await keep(shelf, "b")
    names = {name: await redis.type(name) for name in await redis.keys()}
    values = [await redis.get(name) for name, kind in names.items() if kind == b"string"]
    assert b"secret" not in b"".join(values)
    assert all([await redis.ttl(name) > 0 for name in names]), "nothing stays"
    prefix = f"routstr:answers:{NODE.fingerprint()}"
    await redis.set(f"{prefix}:b", await redis.get(f"{prefix}:a"))
    assert await shelf.find("b") is None
    assert await shelf_of(redis).find("a") == secret


async def test_the_oldest_go_when_there_is_no_room(redis: Redis) -> None:
    large = msgspec.structs.replace(KEPT, body=b"x" * 1_000)
    shelf = shelf_of(redis, bytes_max=3_900)
    for name in "abcc":
        await keep(shelf, name, large)
        await asyncio.sleep(0.003)  # the index is by the millisecond
    assert [await shelf.find(name) is not None for name in "abc"] == [True] * 3
    await keep(shelf, "d", large)
    assert [await shelf.find(name) is not None for name in "abcd"] == [False, True, True, True]
    await keep(shelf, "e", msgspec.structs.replace(KEPT, body=b"x" * 4_000))
    assert await shelf.find("e") is None
    prefix = f"routstr:answers:{NODE.fingerprint()}"
    values = [await redis.strlen(f"{prefix}:{name}") for name in "bcd"]
    assert int(await redis.get(f"{prefix}:bytes")) == sum(values) <= 3_900


async def test_what_is_too_old_makes_room(redis: Redis) -> None:
    shelf = shelf_of(redis, seconds=0.05)
    await keep(shelf, "a")
    await asyncio.sleep(0.08)
    assert await shelf.find("a") is None
    await keep(shelf, "b")
    prefix = f"routstr:answers:{NODE.fingerprint()}"
    assert await redis.zrange(f"{prefix}:index", 0, -1) == [b"b"]


async def test_without_the_server_nothing_is_kept_and_nobody_waits(tmp_path: Path) -> None:
    server = await RedisServer.start(tmp_path)
    async with open_redis(Secret(server.url)) as redis:
        shelf = shelf_of(redis)
        await keep(shelf, "a")
        server.kill()
        await keep(shelf, "b")
        assert shelf._fuse.blown
        assert await shelf.find("a") is None
        await keep(shelf, "b")
