from dataclasses import dataclass, field
from typing import cast

from routstr.core.secret import Secret
from routstr.discovery.events import Draft, Event
from routstr.discovery.identity import Identity
from routstr.discovery.outbox import Outbox
from routstr.discovery.relay import Answer
from routstr.discovery.relays import RelayPool

ME = Identity(Secret("11" * 32))


def event(at: int, name: str = "a") -> Event:
    return ME.sign(Draft(38_421, (("d", name),)), at)


@dataclass
class Pool:
    """Takes what it is told to."""

    refusing: set[str] = field(default_factory=set)
    resting: set[str] = field(default_factory=set)
    given: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    def ready(self, url: str) -> bool:
        return url not in self.resting

    async def publish(self, event: Event, urls: list[str]) -> dict[str, Answer]:
        self.given.append((event.created_at, tuple(sorted(urls))))
        return {url: Answer(taken=url not in self.refusing) for url in urls}


async def test_an_event_is_given_until_every_relay_has_taken_it() -> None:
    pool = Pool(refusing={"b"})
    box = Outbox(cast("RelayPool", pool))
    one = event(1)
    box.put(one, ["a", "b", "c"])
    assert await box.run() == 2
    assert box.lacking(one.address) == {"b"}
    pool.resting = {"b"}
    assert await box.run() == 0
    pool.resting, pool.refusing = set(), set()
    assert await box.run() == 1
    assert box.empty
    assert await box.run() == 0
    assert pool.given == [(1, ("a", "b", "c")), (1, ("b",))]


async def test_a_newer_one_takes_the_place_and_others_stay() -> None:
    pool = Pool()
    box = Outbox(cast("RelayPool", pool))
    box.put(event(1), ["a"])
    box.put(event(2), ["a"])
    box.put(event(3, "other"), ["b"])
    box.put(event(4, "third"), [])
    await box.run()
    assert pool.given == [(2, ("a",)), (3, ("b",))]


async def test_what_was_dropped_is_not_given() -> None:
    pool = Pool()
    box = Outbox(cast("RelayPool", pool))
    box.put(event(1), ["a"])
    box.drop(event(2).address)
    await box.run()
    assert (pool.given, box.empty) == ([], True)
