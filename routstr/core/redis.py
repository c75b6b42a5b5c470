"""The Redis-compatible server that instances may share: limits and answers, never money.

It may go away at any time: nobody waits for it longer than a moment, and then everybody does
without it for a while (:class:`Fuse`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from routstr.core.secret import Secret

__all__ = ["CONNECTIONS_MAX", "Redis", "open_redis"]

CONNECTIONS_MAX: Final = 32
_ANSWER_SECONDS: Final = 0.5


@asynccontextmanager
async def open_redis(url: Secret) -> AsyncIterator[Redis]:
    """A client of the server at a checked ``REDIS_URL``. Nothing is sent before it is used."""
    pool = BlockingConnectionPool.from_url(
        url.reveal(),
        max_connections=CONNECTIONS_MAX,
        timeout=_ANSWER_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),  # a connection of before the server's restart
    )
    client = Redis(connection_pool=pool)
    try:
        yield client
    finally:
        await client.aclose()
        await pool.aclose()
