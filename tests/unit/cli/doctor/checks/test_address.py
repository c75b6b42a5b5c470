"""The public address."""

import pytest

from routstr.cli.doctor.checks import address
from routstr.cli.doctor.findings import State
from tests.unit.cli.doctor.town import Town


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://node.example", True),
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", True),
        ("http://abc.onion", True),
        ("http://node.example", False),
        ("http://192.168.1.5", False),
    ],
)
def test_only_tls_this_machine_and_onions_are_safe(url: str, safe: bool) -> None:
    assert (address._unsafe(url) is None) is safe


async def test_an_address_that_leads_elsewhere_is_a_fault(town: Town) -> None:
    town.answers["/here/v1/info"] = (404, {})
    (found,) = await town.found("address")
    assert (found.state, "gives 404" in found.cause) == (State.FAULT, True)


async def test_one_that_is_not_reached_from_here_is_a_warning(town: Town) -> None:
    town.changed["http_url"] = "http://127.0.0.1:9"
    (found,) = await town.found("address")
    assert found.state is State.WARNING


async def test_without_one_there_is_nothing_to_look_at(town: Town) -> None:
    town.changed["http_url"] = ""
    (found,) = await town.found("address")
    assert found.state is State.SKIPPED
