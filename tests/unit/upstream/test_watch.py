from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from routstr.core.secret import Secret
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.description import Description
from routstr.upstream.fleet import Fleet
from routstr.upstream.provider import Profile
from routstr.upstream.service import Providers
from routstr.upstream.watch import ProviderWatch
from tests.unit.upstream.carriers import Alarms, profile
from tests.unit.upstream.storing import database, providers

OWN = profile("own", "k", id=0)


@dataclass
class Instance:
    """One process with its fleet."""

    stored: Providers
    fleet: Fleet = field(default_factory=lambda: Fleet(Alarms().parts()))
    told: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = ProviderWatch(self.stored, self.fleet, (OWN,), UpstreamLimits(), self.changed)

    async def changed(self, profiles: Sequence[Profile]) -> None:
        self.told.append([one.name for one in profiles])


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[Instance, Instance]]:
    async with database(tmp_path) as db:
        yield Instance(providers(db)), Instance(providers(db))


async def test_the_first_look_knows_the_provider_of_the_settings(
    two: tuple[Instance, Instance],
) -> None:
    one, _ = two
    await one.watch.look()
    await one.watch.look()
    assert one.told == [["own"]]
    assert list(one.fleet.carriers) == ["own"]


async def test_a_change_by_one_instance_reaches_the_other_at_its_next_look(
    two: tuple[Instance, Instance],
) -> None:
    one, other = two
    await one.watch.look()
    await other.watch.look()
    await one.stored.add(Description(kind="groq", keys=(Secret("k"),)))
    await other.watch.look()
    assert list(other.fleet.carriers) == ["own", "groq"]
    await one.stored.edit("groq", Description(enabled=False))
    await other.watch.look()
    assert list(other.fleet.carriers) == ["own"]
    await one.stored.edit("groq", Description(enabled=True, slug="quick"))
    await other.watch.look()
    await one.stored.remove("quick")
    await other.watch.look()
    assert other.told == [["own"], ["own", "groq"], ["own"], ["own", "quick"], ["own"]]


async def test_a_stored_provider_of_the_settings_name_is_hidden_and_told(
    two: tuple[Instance, Instance], caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = two
    await one.stored.add(Description(kind="groq", slug="own"))
    await one.watch.look()
    assert one.fleet.carriers["own"].profile == OWN
    assert "provider_hidden_by_settings" in caplog.messages


async def test_a_change_that_cannot_be_used_is_tried_again(
    two: tuple[Instance, Instance],
) -> None:
    one, _ = two
    failures = [ValueError("no")]

    async def fail(_: object) -> None:
        if failures:
            raise failures.pop()

    watch = ProviderWatch(one.stored, one.fleet, (OWN,), UpstreamLimits(), fail)
    with pytest.raises(ValueError, match="no"):
        await watch.look()
    await watch.look()
    assert failures == []
