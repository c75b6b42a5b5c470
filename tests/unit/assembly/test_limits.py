"""Limits cost nothing where none is set."""

from contextlib import AsyncExitStack

import pytest

from routstr.assembly.limits import guard, open_gate
from routstr.core.clock import ManualClock
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.proxy.hot import Serve, Upload

NODE = NodeKey(b"k" * 32)


class Nobody:
    def find(self, method: str, raw_path: bytes) -> tuple[str, Serve | Upload] | None:
        return None


async def test_without_a_limit_the_routes_are_what_they_were() -> None:
    async with AsyncExitStack() as stack:
        gate = await open_gate(Settings(), NODE, ManualClock(), stack)
        assert gate is None
        routes, finder = {}, Nobody()  # type: ignore[var-annotated]
        assert guard(gate, routes, finder) == (routes, finder)


@pytest.mark.parametrize("scope", ["key", "address"])
@pytest.mark.parametrize("what", ["requests_per_minute", "tokens_per_minute", "concurrency_max"])
async def test_each_setting_makes_a_gate(scope: str, what: str) -> None:
    async with AsyncExitStack() as stack:
        settings = Settings.model_validate({f"{scope}_{what}": 3})
        gate = await open_gate(settings, NODE, ManualClock(), stack)
        assert gate is not None
        parts = {"key": gate.parts.of_key, "address": gate.parts.of_address}
        limits = parts.pop(scope)
        assert not any(parts.values())
        assert [limits.at_once, *(bound.amount for bound in limits.bounds.values())] in (
            [3],
            [0, 3],
        )
