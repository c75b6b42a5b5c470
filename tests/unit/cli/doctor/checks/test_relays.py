"""Relays are asked once the node has a key; one that is away is usual."""

from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from routstr.cli.doctor.checks import relays
from routstr.cli.doctor.findings import State
from routstr.discovery.relay import Relay, RelayFailed
from tests.unit.cli.doctor.town import Town

GOOD, BAD = "wss://good.example", "wss://bad.example"


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch) -> None:
    async def query(self: Relay, *_: object) -> list[object]:
        if self.url == BAD:
            raise RelayFailed("away")
        return []

    monkeypatch.setattr(Relay, "query", query)


@pytest.mark.parametrize(
    ("urls", "states"),
    [
        ((GOOD,), [State.WELL]),
        ((GOOD, BAD), [State.WELL, State.WARNING]),
        ((BAD,), [State.FAULT]),
    ],
)
async def test_that_all_are_away_is_a_fault(urls: tuple[str, ...], states: list[State]) -> None:
    async with aiohttp.ClientSession() as session:
        patient: Any = SimpleNamespace(outgoing=session)
        found = await relays.judged(patient, urls)
    assert [one.state for one in found] == states


async def test_a_node_with_a_key_asks_its_relays(town: Town) -> None:
    town.changed |= {"nsec": "01" * 32, "relays": f"{GOOD},{BAD}"}
    assert [one.state for one in await town.found("relays")] == [State.WELL, State.WARNING]


async def test_a_node_without_a_key_is_not_announced(town: Town) -> None:
    town.changed |= {"relays": GOOD}
    assert [one.state for one in await town.found("relays")] == [State.SKIPPED]
