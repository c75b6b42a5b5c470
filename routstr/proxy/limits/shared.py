"""Limits that all instances share: counters and slots in the Redis-compatible server."""

import asyncio
from collections import defaultdict
from typing import Any, Final

from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.exceptions import RedisError

from routstr.core.fuse import Fuse
from routstr.core.redis import Redis

PREFIX: Final = "routstr:limits"

# The server's own clock: those of the instances may differ.
_TAKE: Final = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], ms + ARGV[3], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""


def shared_storage(redis: Redis) -> RedisStorage:
    """The library's counters over the node's own connections."""
    # its type tells of what goes into an address; its documentation shows a pool here
    options: dict[str, Any] = {"connection_pool": redis.connection_pool}
    return RedisStorage(
        "redis://",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix=PREFIX,
        **options,
    )


class SharedSlots:
    """Slots that all instances share; those of an instance that died come back after a while."""

    __slots__ = ("_fuse", "_leaving", "_redis", "_stale_ms", "_take")

    def __init__(self, redis: Redis, fuse: Fuse, *, stale_seconds: float) -> None:
        """``stale_seconds``: no request takes longer."""
        self._redis: Final = redis
        self._take: Final = redis.register_script(_TAKE)
        self._fuse: Final = fuse
        self._stale_ms: Final = round(stale_seconds * 1_000)
        self._leaving: Final[defaultdict[str, set[asyncio.Task[None]]]] = defaultdict(set)

    async def take(self, who: str, limit: int, request_id: str) -> bool:
        """Take one, after those have left that have ended here already."""
        if leaving := self._leaving.get(who):
            await asyncio.wait(leaving)
        try:
            taken: int = await self._take(
                keys=[self._key(who)], args=[limit, request_id, self._stale_ms]
            )
        except RedisError as error:
            raise StorageError(error) from error
        return bool(taken)

    def give(self, who: str, request_id: str) -> None:
        """Give it back in a task of its own, which no cancelled request takes along."""
        task = asyncio.create_task(self._leave(who, request_id))
        self._leaving[who].add(task)
        task.add_done_callback(lambda done: self._left(who, done))

    async def close(self) -> None:
        """Wait for the tasks."""
        if tasks := [task for tasks in self._leaving.values() for task in tasks]:
            await asyncio.wait(tasks)

    async def _leave(self, who: str, request_id: str) -> None:
        if self._fuse.blown:
            return  # it comes back when it is stale
        try:
            await self._redis.zrem(self._key(who), request_id)
        except RedisError as error:
            self._fuse.blow(error)

    def _left(self, who: str, task: asyncio.Task[None]) -> None:
        tasks = self._leaving[who]
        tasks.discard(task)
        if not tasks:
            del self._leaving[who]

    def _key(self, who: str) -> str:
        return f"{PREFIX}:slots:{who}"
