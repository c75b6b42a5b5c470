"""Holds that keys place: with what is known of the key, and inside a child key's limit."""

from dataclasses import dataclass, field
from typing import Final

from routstr.errors import AuthError, KeyExpired
from routstr.ledger.entries import Held, HoldRequest, Refused
from routstr.money import Msat
from tests.fuzz.explain import Alternatives, Event, track
from tests.fuzz.facts import HoldFact
from tests.fuzz.holding import PlaceHold
from tests.fuzz.model import Model, demand
from tests.fuzz.node import Node
from tests.fuzz.operations import Answer, Scene

_LOOKS_MAX: Final = 3


@dataclass(frozen=True)
class Spend(PlaceHold):
    """Set money aside for whoever shows a key, as a paid request does.

    ``limit``: it is a child's. ``generation``: how often its account's key had been rotated.
    """

    key: str = field(repr=False)
    limit: int | None
    generation: int
    kind = "hold by key"

    async def ask(self, node: Node) -> Held | Refused:
        credential = f"Bearer {self.key}"
        answer: Held | Refused | None = None
        for _ in range(_LOOKS_MAX):
            payer = await node.auth.payer(credential)
            amounts = Msat(self.minimum), Msat(self.wanted)
            answer = await node.hold(
                HoldRequest(
                    *(payer.account, *amounts, self.request, "model", "chat", 1, ""),
                    mark=payer.mark,
                )
            )
            if isinstance(answer, Held) or not answer.stale:
                break
            node.auth.forget(credential)  # it has changed since it was looked up
        assert answer is not None, "it was asked at least once"
        return answer

    def tracks(self, answer: Answer, scene: Scene) -> Alternatives:
        told = answer.value
        if isinstance(answer.error, KeyExpired):
            return [[track(self.account, lambda m: self._require_expired(m, scene))]]
        if isinstance(answer.error, AuthError):
            return [[track(self.account, self._require_unknown)]]
        if isinstance(told, Refused) and told.stale:
            scene.require_trouble(answer, self)
            return [[]]
        if isinstance(told, Refused) and self.limit is not None:
            reset = scene.facts.children[self.limit].limit.reset
            periods = {reset.began(scene.since), reset.began(scene.until)}
            return [[track(self.account, self._limited(told, period))] for period in periods]
        return PlaceHold.tracks(self, answer, scene)

    def _placed(self, hold: int, fact: HoldFact, told: Held | None, scene: Scene) -> Event:
        def event(model: Model) -> None:
            owner = model.account(self.account)
            live = owner.expires_at is None or scene.since < owner.expires_at
            demand(live, f"{self} is answered {told}, the key has expired")
            demand(self.limit is not None or self._is_current(model), "its key was rotated")
            period = fact.hold.period
            if self.limit is not None:
                it = model.limits[self.limit]
                now = {it.reset.began(scene.since), it.reset.began(scene.until), it.period}
                demand(period in now, f"{self} counts in {period}, it is {now}")
            amount = model.place(
                *(hold, self.account, self.minimum, self.wanted), limit=self.limit, period=period
            )
            right = amount, model.account(self.account).available
            if told is not None:
                said = int(told.amount), int(told.available)
                demand(said == right, f"{self} is answered {told}, should be {right}")

        return event

    def _limited(self, told: Refused, period: int) -> Event:
        def event(model: Model) -> None:
            assert self.limit is not None, "it is a child's"
            left, owner = model.enter(self.limit, period).left, model.account(self.account)
            demand(not model.limits[self.limit].revoked, f"{told}, and it is revoked")
            said = int(told.available), int(told.reserved), told.closed
            demand(said == (owner.available, owner.held, False), f"{told}, there is {owner}")
            if told.allowance is not None:
                small = left == told.allowance and left < self.minimum
                demand(small, f"{self} is answered {told}, the limit leaves {left}")
            else:
                demand(left >= self.minimum, f"{told}, the limit leaves {left}")
                demand(owner.available < self.minimum, f"{self} is refused, there is {owner}")

        return event

    def _is_current(self, model: Model) -> bool:
        return model.account(self.account).generation == self.generation

    def _require_unknown(self, model: Model) -> None:
        if self.limit is None:
            demand(not self._is_current(model), f"{self}: the key is called unknown")
        else:
            demand(model.limits[self.limit].revoked, f"{self}: the child is called unknown")

    def _require_expired(self, model: Model, scene: Scene) -> None:
        until = model.account(self.account).expires_at
        over = until is not None and until <= scene.until
        demand(over, f"{self}: the key is called expired, it works until {until}")
