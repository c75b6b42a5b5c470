"""Providers that do not take the call."""

from typing import Any

import pytest

from devkit.upstream import answer, refuse, silent
from tests.unit.proxy.realtime.conversing import (
    place,
)


@pytest.mark.parametrize(
    ("play", "status", "code"),
    [
        (refuse(401), 502, "upstream_request_failed"),
        (refuse(404), 404, "upstream_rejected"),
        (refuse(429), 429, "UPSTREAM_RATE_LIMIT"),
        (refuse(500), 500, "upstream_rejected"),
        (silent(), 504, "upstream_timeout"),
    ],
)
async def test_a_provider_that_refuses_costs_nothing(play: Any, status: int, code: str) -> None:
    async with place() as node:
        node.upstream.next(play)
        caller = node.call()
        await caller.end()
        assert (caller.refusal[0], caller.refusal[2]) == (status, code)
        assert node.charges == []


async def test_a_redirect_is_not_followed() -> None:
    async with place() as node:
        node.upstream.next(answer(302, b"", {"Location": f"{node.upstream.base_url}/elsewhere"}))
        caller = node.call()
        await caller.end()
        assert caller.refusal[0] == 502
        assert len(node.upstream.exchanges) + len(node.upstream.questions) == 1


async def test_a_provider_without_the_endpoint_is_not_asked_for_it_again() -> None:
    async with place() as node:
        node.upstream.next(refuse(404))
        caller = node.call()
        await caller.end()
        assert caller.refusal[0] == 404
        again = node.call()
        await again.end()
        assert again.refusal == (400, "invalid_request_error", "endpoint_not_served")
        assert len(node.upstream.exchanges) == 1
