"""Two nodes on one database, their users, and the model that both are compared with."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from msgspec.structs import replace

from routstr.auth.service import Payer
from routstr.core.clock import ManualClock
from routstr.errors import RoutstrError
from routstr.payment import refund
from routstr.payment.audit import audit
from routstr.payment.change import Change
from routstr.wallet.models import SagaState
from tests.fuzz.explain import Broken, explained
from tests.fuzz.facts import Facts, Observer, SagaFact
from tests.fuzz.family import Holder, MakeChildren, UserChild
from tests.fuzz.fate import Killed
from tests.fuzz.giving import Taken, TakeOut
from tests.fuzz.holding import Release, Settle
from tests.fuzz.keeping import Rotate
from tests.fuzz.late import PayLate
from tests.fuzz.lightning import Fortune, Network
from tests.fuzz.loose import Sweeps, loose_tracks
from tests.fuzz.mint import TalliedMint
from tests.fuzz.model import Model
from tests.fuzz.node import Ground, Node
from tests.fuzz.offering import Offering, UserToken
from tests.fuzz.operations import Answer, Operation, Scene
from tests.fuzz.outside import Outside, played_mints
from tests.fuzz.passing import Passed
from tests.fuzz.passings import Wish
from tests.fuzz.paying import Pay, Served, TurnedAway
from tests.fuzz.paying_in import PayInvoice, UserInvoice
from tests.fuzz.paying_out import EndPayments
from tests.fuzz.records import End, Stage, Ys
from tests.fuzz.refunding import ClaimChange, GiveBack
from tests.fuzz.tasks import Redeem, Sweep, Watch
from tests.fuzz.trail import Trail

NODES: Final = 2
OUTSIDE: Final = (Redeem, PayInvoice, EndPayments, PayLate)
"""What happens at no node."""
_TALLIED_EVERY: Final = 16


class Act(NamedTuple):
    """One request to one node, so many seconds after the others of its step.

    ``hasty``: its client leaves after so many turns of the loop.
    """

    node: int
    operation: Operation
    hasty: int | None = None
    delay_s: float = 0.0


class World:
    """``step`` lets clients ask and compares; ``close`` ends everything and proves the books."""

    def __init__(
        self, ground: Ground, nodes: list[Node], observer: Observer, heard: list[BaseException]
    ) -> None:
        self.ground = ground
        self.heard = heard
        """What the nodes logged of errors."""
        self.nodes = nodes
        self.observer = observer
        self.outside = Outside(ground.mints, observer)
        self.model = Model()
        self.keys: list[Payer] = []
        self.rotated: list[Holder] = []
        """Keys that have a successor."""
        self.births: list[MakeChildren] = []
        self.children: list[UserChild] = []
        self.tokens: list[UserToken] = []
        self.paid: dict[Ys, UserToken] = {}
        """Tokens that were sent with a request to pay for it."""
        self.invoices: list[UserInvoice] = []
        self.open_sagas: dict[int, SagaFact] = {}
        self.silent: set[int] = set()
        self.lost: set[int] = set()
        """Instances that died and are not known to be dead yet."""
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()
        self.crashes = 0
        self.trail = Trail()
        self.wishes: dict[Ys, Wish] = {}
        self.steps = 0

    @classmethod
    async def open(cls, url: str, clock: ManualClock, heard: list[BaseException]) -> Self:
        """Start both nodes on a database that has the schema and nothing else."""
        network = Network()
        ground = Ground(url, played_mints(network), network, clock)
        observer = Observer(url)
        return cls(ground, [await Node.open(ground) for _ in range(NODES)], observer, heard)

    @property
    def _all_seen(self) -> bool:
        """Whether each node knows who lives and who does not."""
        return not self.lost and self.silent.isdisjoint(node.instance for node in self.nodes)

    @property
    def operations(self) -> int:
        return self.counts.total()

    async def step(self, *acts: Act) -> list[Answer]:
        """Let all ask at the same time, wait until all is quiet, and explain what came of it."""
        happened = sum(node.fate.happened for node in self.nodes)
        for act in acts:
            self._wish(act.operation)
        sweeps = self._sweeps(acts)
        calm = len(acts) == 1 and not self.open_sagas and self._all_seen
        calm = calm and getattr(acts[0].operation, "luck", Fortune.PAID) is Fortune.PAID
        since = self.ground.clock.now_ms()
        answers = await asyncio.gather(*map(self._ask, acts))
        await self._quiet(acts)
        calm = calm and happened == sum(node.fate.happened for node in self.nodes)
        calm = calm and acts[0].hasty is None
        scene = self._scene(acts, self._look(acts), since, calm=calm)
        self._explain(scene, answers, sweeps)
        self._listen()
        self.trail.note(scene, answers, self.wishes)
        self._learn(acts, answers, scene.facts)
        self.steps += 1
        if self.steps % _TALLIED_EVERY == 0 and not self.open_sagas:
            self.outside.tally(self.model)
        return answers

    def _explain(self, scene: Scene, answers: Sequence[Answer], sweeps: Sweeps) -> None:
        try:
            loose = loose_tracks(scene, answers, sweeps, self.ground.mints, self.wishes)
            told = [o.tracks(a, scene) for o, a in zip(scene.asked, answers, strict=True)]
            self.model = explained(self.model, scene.facts, loose, told)
        except Broken as broken:
            story = "".join(f"\n  {o} -> {a}" for o, a in zip(scene.asked, answers, strict=True))
            raise Broken(f"{broken}{story}") from None
        self.model.forget()

    def _listen(self) -> None:
        """A saga may fail as told to its client, or with its node; not by any other error."""
        expected = (RoutstrError, Killed, asyncio.CancelledError)
        strange = [error for error in self.heard if not isinstance(error, expected)]
        self.heard.clear()
        if strange:
            raise Broken(f"a saga failed: {strange[0]!r}") from strange[0]

    async def _ask(self, act: Act) -> Answer:
        node = self.nodes[act.node]
        if act.delay_s:
            await asyncio.sleep(act.delay_s)
        task = asyncio.ensure_future(act.operation.ask(node))
        try:
            if act.hasty is not None:
                for _ in range(act.hasty):
                    await asyncio.sleep(0)
                task.cancel()
            value = await task
        except RoutstrError as error:
            return Answer() if node.fate.dead else Answer(error=error)
        except (Killed, asyncio.CancelledError):
            return Answer()
        lost = node.fate.dead and not isinstance(act.operation, OUTSIDE)
        return Answer() if lost else Answer(value)

    async def _quiet(self, acts: Sequence[Act]) -> None:
        for node in self.nodes:
            await node.quiet()
            node.fate.let_read()  # what is read from now on is for this world
            if any(act.hasty is not None for act in acts):
                await node.flush()

    def _look(self, acts: Sequence[Act]) -> Facts:
        """Read what may have changed."""
        asked = [act.operation for act in acts]
        open_ones = (End.OPEN, End.EXPIRED)
        holds = {hold for hold, it in self.model.holds.items() if it.end in open_ones}
        holds |= {o.hold for o in asked if isinstance(o, Settle | Release)}
        issued = [saga for saga, it in self.model.refunds.items() if it.stage is Stage.ISSUED]
        asking = any(isinstance(o, GiveBack | ClaimChange | Pay | Watch | TakeOut) for o in asked)
        return self.observer.look(holds, self.open_sagas, issued if asking else ())

    def _scene(self, acts: Sequence[Act], facts: Facts, since: int, *, calm: bool) -> Scene:
        asked = [act.operation for act in acts]
        issuer, payable = self.outside.issuer, self.observer.payable
        until = self.ground.clock.now_ms()
        return Scene(
            *(self.model, facts, asked, self.open_sagas, calm, issuer, payable), since, until
        )

    def _sweeps(self, acts: Sequence[Act]) -> Sweeps:
        by = [self.nodes[act.node] for act in acts if isinstance(act.operation, Sweep)]
        live = {hold for node in self.nodes for hold in node.live}
        owed = [(hold, cost) for node in by for hold, cost in node.owed.items()]
        silent = frozenset(self.silent)
        return Sweeps(frozenset(n.instance for n in by), silent, frozenset(live), tuple(owed))

    def _wish(self, operation: Operation) -> None:
        if isinstance(operation, Offering):
            wish = self.wishes.setdefault(operation.given.ys, Wish(operation.given))
            wish.ends.add((operation.kind, operation.account))
        if isinstance(operation, Pay):
            self.paid[operation.given.ys] = operation.given

    def _learn(self, acts: Sequence[Act], answers: Sequence[Answer], facts: Facts) -> None:
        for act, answer in zip(acts, answers, strict=True):
            operation, error = act.operation, answer.error
            self.counts[operation.kind] += 1
            if isinstance(answer.value, TurnedAway):
                self.refused[answer.value.reason.__name__] += 1
            if error is not None:
                self.refused[type(error).__name__] += 1
            if isinstance(operation, Redeem) and answer.value:
                self.outside.note_redeemed(operation)
            if isinstance(operation, Offering) and error is not None:
                operation.given.doubted |= "spent" in error.code
            if isinstance(answer.value, UserInvoice):
                self.invoices.append(answer.value)
            if isinstance(operation, MakeChildren):
                self._learn_children(operation, answer, facts)
            if isinstance(operation, Rotate) and answer.value is not None:
                self._learn_rotation(operation.holder, answer.value)
            self._take_back(answer.value)
        self.open_sagas = {i: s for i, s in facts.sagas.items() if s.state is SagaState.OPEN}
        for node in self.nodes:
            node.live.intersection_update(self.model.holds)

    def _learn_children(self, asked: MakeChildren, answer: Answer, facts: Facts) -> None:
        if all(asked.operation != known.operation for known in self.births):
            self.births.append(asked)
        limits = {child.public_id: id_ for id_, child in facts.children.items()}
        known = {child.limit for child in self.children}
        for key, public_id in answer.value or ():
            if limits[public_id] not in known:
                child = UserChild(key, public_id, asked.holder.account, limits[public_id])
                self.children.append(child)

    def _learn_rotation(self, asked: Holder, key: str) -> None:
        for index, payer in enumerate(self.keys):
            if payer.account == asked.account and payer.key == asked.payer.key:
                self.rotated.append(asked)
                self.keys[index] = replace(payer, key=key)

    def holder(self, payer: Payer) -> Holder:
        """A user with the newest key that they were told."""
        before = sum(old.account == payer.account for old in self.rotated)
        return Holder(payer, before)

    def unclaimed_invoices(self) -> list[UserInvoice]:
        """Invoices that make a key which their users have not asked for yet."""
        have = {key.account for key in self.keys}
        known = self.model.deposits
        return [
            one
            for one in self.invoices
            if one.payer is None and not (one.name in known and known[one.name].account in have)
        ]

    def _take_back(self, told: object) -> None:
        """A user has what an answer gives back."""
        change = told.change if isinstance(told, Served) else None
        if isinstance(told, Taken):
            self.outside.give(told.text, told.worth)
        if isinstance(told, Passed) and told.change:
            self.outside.give(told.change)
        if isinstance(told, refund.Refund):
            for part in (*told.parts, *told.earlier):
                self.outside.give(part.token, part.worth)
        elif isinstance(change, Change) and change.token:
            self.outside.give(change.token, change.amount)

    async def audit(self) -> None:
        """Prove the books as ``routstr verify`` does, and each proof of the wallet at its mint."""
        outcome = await self.nodes[0].db.read(audit)
        wrong = [f"{c.name}: {'; '.join(c.problems)}" for c in outcome.checks if not c.holds]
        if wrong:
            raise Broken("verify: " + " | ".join(wrong))
        if not self.open_sagas:
            self.outside.tally(self.model)
            self.outside.require_unspent()
            free = [one for one in self.tokens if not self.model.overlaps(one.ys)]
            if any(one.mint.spent_by_node(y) for one in free for y in one.ys):
                raise Broken("a user's token is spent and nobody has its money")

    def mint(self, url: str) -> TalliedMint:
        return self.ground.mints[url]

    async def stop(self) -> None:
        """Give everything free; the books are left as they are."""
        for node in self.nodes:
            node.fate.dead = True
            await node.bury()
        self.observer.close()
