"""Limits in a real Redis server: counted together, given back, and let go when it is away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from limits.errors import StorageError

from devkit.redis import RedisServer
from routstr.core.clock import SystemClock
from routstr.core.fuse import Fuse
from routstr.core.redis import Redis, open_redis
from routstr.core.secret import Secret
from routstr.proxy.limits.counters import Bound, Counters, Metric
from routstr.proxy.limits.shared import PREFIX, SharedSlots, shared_storage

CLOCK = SystemClock()


@pytest_asyncio.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    async with open_redis(Secret(redis_server.url)) as client:
        yield client
        await client.flushall()


def slots_of(redis: Redis, *, stale_seconds: float = 60) -> SharedSlots:
    return SharedSlots(redis, Fuse("rate_limits", CLOCK), stale_seconds=stale_seconds)


async def test_two_instances_count_together(redis: Redis) -> None:
    bound = Bound("key", Metric.REQUESTS, 10)
    one, other = (Counters(shared_storage(redis), CLOCK) for _ in range(2))
    hits = [counters.add(bound, "a", 1) for counters in (one, other) for _ in range(8)]
    assert sum(await asyncio.gather(*hits)) == 10
    standing = await one.look(bound, "a")
    assert standing.remaining == 0
    assert 50 < standing.reset_s <= 60
    assert (await other.look(bound, "b")).remaining == 10
    assert all(name.startswith(PREFIX.encode()) for name in await redis.keys())
    assert all([await redis.ttl(name) > 0 for name in await redis.keys()]), "nothing stays"


async def test_two_instances_share_slots(redis: Redis) -> None:
    one, other = slots_of(redis), slots_of(redis)
    takes = [
        slots.take("a", 3, f"{at}{n}") for at, slots in (("x", one), ("y", other)) for n in "1234"
    ]
    assert sum(await asyncio.gather(*takes)) == 3
    held = [member.decode() for member in await redis.zrange(f"{PREFIX}:slots:a", 0, -1)]
    one.give("a", held[0])
    assert await one.take("a", 3, "again"), "who comes back at once finds the slot free"
    for member in (*held[1:], "again"):
        other.give("a", member)
    await other.close()
    assert await redis.exists(f"{PREFIX}:slots:a") == 0


async def test_the_slots_of_a_dead_instance_come_back(redis: Redis) -> None:
    slots = slots_of(redis, stale_seconds=0.05)
    assert await slots.take("a", 1, "lost")
    await asyncio.sleep(0.1)
    assert await slots.take("a", 1, "next")


async def test_a_server_that_is_away_is_an_error_of_the_store(tmp_path: Path) -> None:
    server = await RedisServer.start(tmp_path)
    async with open_redis(Secret(server.url)) as redis:
        slots, counters = slots_of(redis), Counters(shared_storage(redis), CLOCK)
        assert await slots.take("a", 1, "1")
        server.kill()
        with pytest.raises(StorageError):
            await slots.take("a", 2, "2")
        with pytest.raises(StorageError):
            await counters.look(Bound("key", Metric.REQUESTS, 10), "a")
        slots.give("a", "1")
        await slots.close()
        assert slots._fuse.blown
        slots.give("a", "1")
        await slots.close()
