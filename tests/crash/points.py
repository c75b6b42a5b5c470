"""The moments at which a node can die, found by runs in which it does not."""

from collections.abc import Iterator
from typing import Final

from devkit.fault_proxy import FaultProxy
from tests.crash.case import hold
from tests.crash.cells import begin, finish
from tests.crash.killing import Journal, Orders, When
from tests.crash.troubles import SWAP, Death, Kill
from tests.crash.world import Place, World

_BOTH: Final[tuple[When, ...]] = ("before", "after")


async def in_operation(name: str, place: Place, world: World) -> list[Death]:
    """Every commit and every call to the mint of an operation."""
    async with world.case(place) as case:
        operation = await begin(case, name, armed=True)
        journal = Journal(case.folder)
        journal.give(Orders())
        reply = await operation.attempt()
        hold(reply.good, f"without any trouble: {reply}")
        found = [Death((kill,)) for kill in _found(journal, case.proxy)]
        await finish(case, operation, reply)
    world.forget(case)
    return found


async def in_recovery(
    name: str, place: Place, world: World, *, calls: int, path: str = SWAP
) -> list[Death]:
    """Every commit and every call to the mint of a recovery, after a death around a swap.

    ``calls``: how many of these, or of another ``path``, the operation makes; after each there is
    something to find out.
    """
    firsts = [Kill("call", path, 1 + n, when) for n in range(calls) for when in _BOTH]
    return [death for first in firsts for death in await _in_recovery(name, first, place, world)]


async def _in_recovery(name: str, first: Kill, place: Place, world: World) -> list[Death]:
    async with world.case(place) as case:
        operation = await begin(case, name, armed=True)
        journal = Journal(case.folder)
        first.arm(journal, case.proxy, case.kill)
        await operation.attempt()
        await case.running.process.end()
        case.proxy.reset()
        journal.give(Orders())
        await case.start(armed=True)
        await case.settled()
        found = [Death((first, kill)) for kill in _found(journal, case.proxy)]
        await operation.undecided()
    world.forget(case)
    return found


def _found(journal: Journal, proxy: FaultProxy) -> Iterator[Kill]:
    for number, name in enumerate(journal.commits(), start=1):
        for when in _BOTH:
            yield Kill("commit", name, number, when)
    for call in tuple(proxy.calls):
        for when in _BOTH:
            yield Kill("call", call.path, call.number, when)
