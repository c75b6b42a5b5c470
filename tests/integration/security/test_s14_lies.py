"""S14: whatever a provider says or sends, one end of the hold, inside it, and an answer in time."""

import asyncio
from typing import Any

import pytest

from devkit.upstream import PLAYS
from tests.unit.core.asgi import Answer
from tests.unit.proxy import selling as media
from tests.unit.proxy.dialects.speaking import BODIES, READING, WRITING
from tests.unit.proxy.harness import SNAPSHOT, Books, running

LIES = [name for name in PLAYS if name.startswith("usage-")]
SENT = ["error-200", "too-short", "too-long", "gzip-bomb", "endless", "babble", "no-usage"]
PIECES: dict[str, dict[str, Any]] = {
    media.GENERATE: {"model": "drawn", "prompt": "A cat", "quality": "low"},
    media.SPEAK: {"model": "spoken", "input": "Hello there"},
}
PATHS = [one.endpoint for one in (*WRITING, *READING)] + list(PIECES)


async def lied_to(path: str, play: str, *, stream: bool) -> tuple[Answer, Books]:
    body = PIECES.get(path) or {"model": "good", **BODIES[path]}
    sold = media.SNAPSHOT if path in PIECES else SNAPSHOT
    async with running(catalog=lambda: sold) as node, asyncio.timeout(10):
        node.upstream.next(PLAYS[play])
        answered = await node.ask({**body, **({"stream": True} if stream else {})}, path=path)
        return answered, node.books


@pytest.mark.parametrize("play", [*LIES, *SENT])
async def test_s14_a_lie_is_bounded_by_the_hold(play: str) -> None:
    streamed = [one.endpoint for one in WRITING]
    asked = [(path, False) for path in PATHS] + [(path, True) for path in streamed]
    found = await asyncio.gather(*(lied_to(path, play, stream=stream) for path, stream in asked))
    for (path, _), (answered, books) in zip(asked, found, strict=True):
        assert set(books.ends) == {1}, path
        assert 0 <= books.charged[1] <= books.amounts[1], path
        if answered.status != 200:
            assert books.was_released, path
        else:
            assert books.charged[1] > 0, path
