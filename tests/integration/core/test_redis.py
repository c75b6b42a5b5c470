"""The shared server: reached by each kind of address, never waited for, found again."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.exceptions import RedisError

from devkit.ports import LOOPBACK, free_port
from devkit.redis import RedisServer
from routstr.core.redis import CONNECTIONS_MAX, open_redis
from routstr.core.secret import Secret


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = await RedisServer.start(tmp_path)
    yield server
    server.kill()


async def test_it_is_found_again_after_a_restart(server: RedisServer, tmp_path: Path) -> None:
    async with open_redis(Secret(server.url)) as redis:
        assert await redis.set("name", b"value")
        server.kill()
        with pytest.raises(RedisError):
            await redis.get("name")
        again = await RedisServer.start(tmp_path, port=server.port)
        assert await redis.get("name") is None
        again.kill()


async def test_more_calls_than_connections_wait_for_their_turn(redis_server: RedisServer) -> None:
    async with open_redis(Secret(redis_server.url)) as redis:
        calls = [redis.incr("calls") for _ in range(4 * CONNECTIONS_MAX)]
        assert len(await asyncio.gather(*calls)) == 4 * CONNECTIONS_MAX
        assert await redis.delete("calls") == 1


async def test_who_is_not_there_is_not_waited_for() -> None:
    began = time.monotonic()
    async with open_redis(Secret(f"redis://{LOOPBACK}:{free_port()}")) as redis:
        with pytest.raises(RedisError):
            await redis.get("name")
    assert time.monotonic() - began < 5
