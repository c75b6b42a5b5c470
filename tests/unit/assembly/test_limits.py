"""Limits cost nothing where none is set."""

from collections.abc import Mapping

import pytest

from routstr.assembly.limits import build_gate, guard
from routstr.core.clock import ManualClock
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.proxy.hot import Serve, Upload

NODE = NodeKey(b"k" * 32)
NO_ROUTES: Mapping[str, Serve | Upload] = {}


class Nobody:
    def find(self, method: str, raw_path: bytes) -> tuple[str, Serve | Upload] | None:
        return None


def test_without_a_limit_the_routes_are_what_they_were() -> None:
    gate = build_gate(Settings(), None, NODE, ManualClock())
    assert gate is None
    finder = Nobody()
    assert guard(gate, NO_ROUTES, finder) == (NO_ROUTES, finder)


@pytest.mark.parametrize("scope", ["key", "address"])
@pytest.mark.parametrize("what", ["requests_per_minute", "tokens_per_minute", "concurrency_max"])
def test_each_setting_makes_a_gate(scope: str, what: str) -> None:
    settings = Settings.model_validate({f"{scope}_{what}": 3})
    gate = build_gate(settings, None, NODE, ManualClock())
    assert gate is not None
    parts = {"key": gate.parts.of_key, "address": gate.parts.of_address}
    limits = parts.pop(scope)
    assert not any(parts.values())
    assert [limits.at_once, *(bound.amount for bound in limits.bounds.values())] in ([3], [0, 3])
    routes, finder = guard(gate, NO_ROUTES, Nobody())
    assert routes == {}
    assert finder.find("GET", b"/v1/x") is None
