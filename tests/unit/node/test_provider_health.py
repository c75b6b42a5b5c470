import asyncio

import pytest

from devkit.upstream import Upstream, refuse
from routstr.core.secret import Secret
from routstr.errors import UpstreamTimeout
from routstr.node.provider_health import NONE_CONFIGURED, ProviderHealth
from routstr.upstream.fleet import Fleet
from tests.unit.proxy.harness import LIMITS, fleet_of, plain_session
from tests.unit.upstream.carriers import Alarms

WELL = {
    "reachable": True,
    "state": "closed",
    "failures_in_a_row": 0,
    "last_failure": None,
    "resting_seconds": 0,
    "keys": 1,
    "keys_resting": 0,
    "keys_refused": 0,
}


async def test_a_provider_that_answers_anything_is_reachable() -> None:
    async with Upstream(refuse(500)) as upstream, plain_session() as session:
        health = ProviderHealth(fleet_of(session, upstream.base_url))
        assert await health.look() == ("ok", {"played": WELL})
        (question,) = upstream.questions
        assert question.path == "/v1/models"
        assert question.header("authorization") is None


async def test_a_provider_that_is_away_is_told_with_its_record() -> None:
    async with Upstream() as upstream:
        url = upstream.base_url
    async with plain_session() as session:
        fleet = fleet_of(session, url, LIMITS)
        carrier, now = fleet.carriers["played"], asyncio.get_running_loop().time()
        for _ in range(3):
            permit = carrier.breaker.enter(now)
            carrier.failed(carrier.lines[0], UpstreamTimeout(), permit, model="m", now=now)
        carrier.lines[0].rest("", now + 99, now)
        state, told = await ProviderHealth(fleet).look()
    assert state == "unreachable: upstream_unreachable"
    assert told == {
        "played": {
            **WELL,
            "reachable": False,
            "state": "open",
            "failures_in_a_row": 3,
            "last_failure": "upstream_unreachable",
            "resting_seconds": pytest.approx(5, abs=1),
            "keys_resting": 1,
        }
    }
    assert carrier.profile.keys == (Secret("sk-provider-0123456789abcdef"),)


async def test_a_node_without_providers_says_how_to_get_one() -> None:
    assert await ProviderHealth(Fleet(Alarms().parts())).look() == (NONE_CONFIGURED, {})
