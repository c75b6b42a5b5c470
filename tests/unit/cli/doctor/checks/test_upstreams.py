"""What a provider's status says."""

import pytest

from routstr.assembly.providers import provider_of_settings
from routstr.cli.doctor.checks import upstreams
from routstr.cli.doctor.findings import State
from routstr.core.settings import Settings

(PROFILE,) = provider_of_settings(Settings(upstream_base_url="https://api.example.com/v1"))


@pytest.mark.parametrize(
    ("status", "state", "remedy"),
    [
        (200, State.WELL, ""),
        (401, State.FAULT, "UPSTREAM_API_KEY"),
        (403, State.FAULT, "UPSTREAM_API_KEY"),
        (402, State.FAULT, "Top your account"),
        (404, State.WARNING, "routstr models test"),
        (503, State.FAULT, "add another provider"),
    ],
)
def test_a_status_is_judged(status: int, state: State, remedy: str) -> None:
    found = upstreams._judged("provider example", PROFILE, status, has_key=True)
    assert (found.state, remedy in found.remedy) == (state, True)


def test_a_missing_key_is_named() -> None:
    found = upstreams._judged("provider example", PROFILE, 401, has_key=False)
    assert "no key is set" in found.cause
