"""One cell of the matrix: one trouble, in one operation, in one place."""

import time
from dataclasses import dataclass
from typing import Final

from routstr.assembly.running import RECOVERY_SECONDS, SWEEP_SECONDS
from tests.crash.case import Case, hold
from tests.crash.client import Reply, repeated
from tests.crash.killing import Journal
from tests.crash.operation import Operation
from tests.crash.operations import OPERATIONS
from tests.crash.processes import RunningNode
from tests.crash.troubles import Death, Kill, Misbehaviour, Orphaned, Trouble
from tests.crash.world import Place, World

_DEATH_LIMIT_S: Final = 10.0
_STALE_S: Final = 6
"""Silence after which a node counts as dead to others; it gives a sign of life every 5 s."""
_LOAD_S: Final = 4.0
"""For the work itself, on a machine that has other work."""
INHERITED_LIMIT_S: Final = _STALE_S + max(SWEEP_SECONDS, RECOVERY_SECONDS) + _LOAD_S
"""From a node's death until another one has ended its movements and given back its holds."""


_UNDECIDED: Final = frozenset(
    {"", "cashu_redemption_pending", "refund_in_progress", "refund_withheld"}
)
"""Answers that do not say whether the operation was carried out; any other error says that not."""


class NeverReached(Exception):
    """Nothing went wrong: the matrix is at fault, not the node."""


@dataclass(frozen=True, slots=True)
class Cell:
    """``patient``: the client asks again only when the node has recovered by itself."""

    operation: str
    trouble: Trouble
    place: Place
    patient: bool

    def __str__(self) -> str:
        client = "patient" if self.patient else "hasty"
        return f"{self.operation:12} {self.place} {client:7} {self.trouble}"


async def run(cell: Cell, world: World) -> None:
    """Raise :class:`Broken` when anything is wrong."""
    async with world.case(cell.place) as case:
        operation, reply = await _happen(cell, case)
        if cell.patient:
            await _recovered(cell, case, world)
            await operation.undecided()
        await finish(case, operation, reply)
    world.forget(case)


async def _recovered(cell: Cell, case: Case, world: World) -> None:
    """Wait until nothing is under way; of what was inherited, within the lease time."""
    if not isinstance(cell.trouble, Orphaned):
        await case.settled()
        return
    died = time.monotonic()
    await case.settled(limit_s=INHERITED_LIMIT_S)
    world.inherited.append(time.monotonic() - died)


async def _happen(cell: Cell, case: Case) -> tuple[Operation, Reply]:
    """Carry the operation out under the trouble; with the client's first answer."""
    match cell.trouble:
        case Death() as death:
            return await deadly(case, cell.operation, death.kills), Reply(0)
        case Orphaned() as left:
            return await orphaned(case, cell.operation, left), Reply(0)
        case Misbehaviour() as misbehaviour:
            return await misled(case, cell.operation, misbehaviour)


async def begin(case: Case, name: str, *, armed: bool = False) -> Operation:
    """A node at the moment before an operation; the proxy counts from here."""
    operation = OPERATIONS[name](case)  # which may change the node's settings
    await operation.settle_in()
    await case.start(armed=armed)
    await operation.prepare()
    case.proxy.reset()
    return operation


async def deadly(case: Case, name: str, kills: tuple[Kill, ...]) -> Operation:
    """Let the node die in an operation, again in its recoveries, and start it a last time."""
    operation = await begin(case, name, armed=True)
    journal = Journal(case.folder)
    kills[0].arm(journal, case.proxy, case.kill)
    await operation.attempt()
    await _death(case.running, kills[0])
    for kill in kills[1:]:
        case.proxy.reset()
        kill.arm(journal, case.proxy, case.kill)
        await _death(await case.start(armed=True, doomed=True), kill)
    case.proxy.reset()
    journal.forget()
    await case.start()
    return operation


async def orphaned(case: Case, name: str, left: Orphaned) -> Operation:
    """Let the node die beside another one that goes on with what it left."""
    case.settings = {**case.settings, "INSTANCE_STALE_SECONDS": str(_STALE_S)}
    operation = await begin(case, name, armed=True)
    dying = case.running
    if left.elsewhere:
        case.books.move_away()
    heir = None if left.later else await case.another()
    case.proxy.reset()
    left.kill.arm(Journal(case.folder), case.proxy, dying.process.kill)
    await operation.attempt()
    await _death(dying, left.kill)
    case.proxy.reset()
    case.move_to(heir or await case.another())
    return operation


async def misled(case: Case, name: str, misbehaviour: Misbehaviour) -> tuple[Operation, Reply]:
    """Let the mint err while the node lives; what came of it, and the client's first answer."""
    operation = await begin(case, name)
    misbehaviour.arm(case.proxy)
    reply = await operation.attempt()
    if not any(call.faulty for call in case.proxy.calls):
        raise NeverReached("no call went wrong")
    case.proxy.reset()
    if not reply.good and reply.code not in _UNDECIDED:
        await operation.untouched()
    return operation, reply


async def finish(case: Case, operation: Operation, reply: Reply) -> None:
    """The client gets its answer after all, and everything is in order."""
    if not reply.good:
        reply = await repeated(operation.attempt)
    hold(reply.good, f"the client never got its answer: {reply}")
    await case.settled()
    await operation.undecided()
    await case.balanced()
    await operation.judge(reply)
    await case.balanced()


async def _death(node: RunningNode, kill: Kill) -> None:
    try:
        await node.process.end(limit_s=_DEATH_LIMIT_S)
    except TimeoutError:
        raise NeverReached(f"{kill}: the node lives") from None
