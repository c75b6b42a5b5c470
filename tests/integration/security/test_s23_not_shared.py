"""S23: an answer is for whoever paid for it, and nobody on the way keeps it."""

from typing import Any

import pytest

from tests.unit.proxy import selling as media
from tests.unit.proxy.dialects.speaking import BODIES, READING, WRITING
from tests.unit.proxy.harness import SNAPSHOT, TOKEN, running

PIECES: dict[str, dict[str, Any]] = {
    media.GENERATE: {"model": "piece", "prompt": "A cat"},
    media.SPEAK: {"model": "spoken", "input": "Hello there"},
}


@pytest.mark.parametrize("path", [one.endpoint for one in (*WRITING, *READING)] + list(PIECES))
async def test_s23_the_same_request_is_served_to_each_payer_anew(path: str) -> None:
    body = PIECES.get(path) or {"model": "good", **BODIES[path], "temperature": 0}
    sold = media.SNAPSHOT if path in PIECES else SNAPSHOT
    async with running(catalog=lambda: sold) as node:
        by_key = await node.ask(body, path=path)
        by_token = await node.ask(body, path=path, key=None, headers=[("X-Cashu", TOKEN)])
        unpaid = await node.ask(body, path=path, key=None)
        assert (by_key.status, by_token.status, unpaid.status) == (200, 200, 402)
        assert len(node.upstream.requests) == len(node.books.charged) == 2
        for answered in (by_key, by_token, unpaid):
            assert answered.header("cache-control") == "no-store"
