"""Answers in the Redis-compatible server, for all instances of a node, sealed with its key.

They are the clients' secrets, and the server may be anybody's: it gets neither what they say nor
whose they are. What was sealed under one name opens under no other.
"""

import asyncio
from typing import Final

from msgspec import MsgspecError
from redis.exceptions import RedisError

from routstr.core.fuse import Fuse
from routstr.core.node_key import NodeKey, SealBroken
from routstr.core.redis import Redis
from routstr.proxy.response_cache.kept import Kept, dumps, loads

_PURPOSE: Final = "response-cache"

# An index of names by age and a table of sizes: the oldest go until the rest fits.
_KEEP: Final = """
local index, sizes, total = KEYS[1] .. ':index', KEYS[1] .. ':sizes', KEYS[1] .. ':bytes'
local name, body, ttl, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local function forget(one)
  redis.call('DEL', KEYS[1] .. ':' .. one)
  redis.call('ZREM', index, one)
  redis.call('DECRBY', total, redis.call('HGET', sizes, one) or 0)
  redis.call('HDEL', sizes, one)
end
for _, one in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', ms - ttl)) do forget(one) end
if redis.call('ZSCORE', index, name) then forget(name) end
redis.call('SET', KEYS[1] .. ':' .. name, body, 'PX', ttl)
redis.call('ZADD', index, ms, name)
redis.call('HSET', sizes, name, #body)
local bytes = redis.call('INCRBY', total, #body)
while bytes > most do
  local oldest = redis.call('ZRANGE', index, 0, 0)[1]
  if not oldest then break end
  forget(oldest)
  bytes = tonumber(redis.call('GET', total))
end
for _, one in ipairs({index, sizes, total}) do redis.call('PEXPIRE', one, 2 * ttl) end
"""


class SharedShelf:
    """Bounded in bytes and in time, by the server's clock; the oldest go first."""

    __slots__ = ("_bytes_max", "_fuse", "_keep", "_node", "_prefix", "_redis", "_tasks", "_ttl_ms")

    def __init__(
        self, redis: Redis, node: NodeKey, fuse: Fuse, *, seconds: float, bytes_max: int
    ) -> None:
        self._redis: Final = redis
        self._node: Final = node
        self._fuse: Final = fuse
        self._keep: Final = redis.register_script(_KEEP)
        self._prefix: Final = f"routstr:answers:{node.fingerprint()}"
        self._ttl_ms: Final = max(1, round(seconds * 1_000))
        self._bytes_max: Final = bytes_max
        self._tasks: Final[set[asyncio.Task[None]]] = set()

    async def find(self, name: str) -> Kept | None:
        """What is kept under a name; nothing while the server is away."""
        if self._fuse.blown:
            return None
        try:
            sealed = await self._redis.get(f"{self._prefix}:{name}")
            return None if sealed is None else self._open(name, sealed)
        except (RedisError, SealBroken, MsgspecError) as error:
            self._fuse.blow(error)
            return None

    def keep(self, name: str, kept: Kept) -> None:
        """Keep it in a task of its own, which no cancelled request takes along."""
        task = asyncio.create_task(self._store(name, kept))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for the tasks."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _open(self, name: str, sealed: bytes) -> Kept:
        called, kept = loads(self._node.open(_PURPOSE, sealed))
        if called != name:
            raise SealBroken("a sealed answer lies under another name")
        return kept

    async def _store(self, name: str, kept: Kept) -> None:
        sealed = self._node.seal(_PURPOSE, dumps((name, kept)))
        if self._fuse.blown or len(sealed) > self._bytes_max:
            return
        try:
            await self._keep(
                keys=[self._prefix], args=[name, sealed, self._ttl_ms, self._bytes_max]
            )
        except RedisError as error:
            self._fuse.blow(error)
