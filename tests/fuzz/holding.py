"""Holds and their ends, and what the answers must have been."""

from dataclasses import dataclass
from typing import Any

from routstr.errors import DatabaseUnavailable, OutcomeUnknown
from routstr.ledger.entries import Held, HoldRequest, Refused, Settled, Settlement
from routstr.money import Msat
from tests.fuzz.explain import Alternatives, Broken, Event, track
from tests.fuzz.facts import HoldFact
from tests.fuzz.model import Model, demand
from tests.fuzz.node import Node
from tests.fuzz.operations import NOTHING, Answer, Scene
from tests.fuzz.records import End, Hold


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Set money aside for a request."""

    account: int
    minimum: int
    wanted: int
    request: str
    kind = "hold"

    async def ask(self, node: Node) -> Held | Refused:
        amounts = Msat(self.minimum), Msat(self.wanted)
        return await node.hold(
            HoldRequest(self.account, *amounts, self.request, "model", "chat", 1, "")
        )

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        if isinstance(answer.error, DatabaseUnavailable):
            return NOTHING
        if isinstance(answer.value, Refused):
            return [[track(self.account, self._refused(answer.value))]]
        row = scene.hold_of(self.request)
        if isinstance(answer.value, Held):
            if row is None or row[0] != answer.value.hold:
                raise Broken(f"{self} is answered {answer}, the books have {row}")
            return [[track(self.account, self._placed(*row, answer.value, scene))]]
        scene.require_trouble(answer, self)
        if row is None:
            return NOTHING
        hold, fact = row
        events: list[Event] = [self._placed(hold, fact, None, scene)]
        if fact.hold.end is End.RELEASED and not _asked_to_end(hold, scene):
            events.append(lambda m: m.release(hold))  # nobody waited for it any more
        return [[track(self.account, *events)]]

    def _placed(self, hold: int, _fact: HoldFact, told: Held | None, _scene: Scene) -> Event:
        def event(model: Model) -> None:
            amount = model.place(hold, self.account, self.minimum, self.wanted)
            right = amount, model.account(self.account).available
            if told is not None:
                said = int(told.amount), int(told.available)
                demand(said == right, f"{self} is answered {told}, should be {right}")

        return event

    def _refused(self, told: Refused) -> Event:
        def event(model: Model) -> None:
            owner = model.account(self.account)
            demand(owner.available < self.minimum, f"{self} is refused, there is {owner}")
            said = int(told.available), int(told.reserved), told.closed
            demand(said == (owner.available, owner.held, False), f"{told}, there is {owner}")

        return event


@dataclass(frozen=True, slots=True)
class Settle:
    """End a hold with what the request cost."""

    hold: int
    cost: int
    kind = "settle"

    async def ask(self, node: Node) -> Settled:
        settlement = Settlement(self.hold, Msat(self.cost), 1, 1, estimated=False)
        return await node.settle(settlement)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        fact = scene.facts.holds.get(self.hold)
        period = 0 if fact is None else fact.hold.period
        return _ended(self, answer, scene, lambda m: m.settle(self.hold, self.cost, period))


@dataclass(frozen=True, slots=True)
class Release:
    """End a hold without a charge."""

    hold: int
    kind = "release"

    async def ask(self, node: Node) -> Settled:
        return await node.release(self.hold)

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        return _ended(self, answer, scene, lambda m: m.release(self.hold))


def _ended(operation: Settle | Release, answer: Answer, scene: Scene, end: Any) -> Alternatives:
    if isinstance(answer.error, DatabaseUnavailable):
        return NOTHING
    known = scene.before.holds.get(operation.hold) or scene.facts.holds[operation.hold].hold
    account = known.account
    if answer.lost or isinstance(answer.error, OutcomeUnknown):
        scene.require_trouble(answer, operation)
        return [[], [track(account, end)]]
    if not isinstance(answer.value, Settled):
        raise Broken(f"{operation} is answered {answer}: {answer.error}")
    told = answer.value
    said = tuple(map(int, (told.charged, told.uncollected, told.available, told.reserved)))

    def event(model: Model) -> None:
        hold: Hold = end(model)
        owner = model.account(hold.account)
        right = hold.charged, hold.uncollected, owner.available, owner.held
        demand(said == right, f"{operation} is answered {said}, should be {right}")

    return [[track(account, event)]]


def _asked_to_end(hold: int, scene: Scene) -> bool:
    return any(isinstance(o, Settle | Release) and o.hold == hold for o in scene.asked)
