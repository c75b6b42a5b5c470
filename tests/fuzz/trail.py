"""How tokens of foreign mints fared, for the report: a run that never met a case proves nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence

from routstr.payment.deposits import FOREIGN_CREATE, FOREIGN_TOPUP
from routstr.wallet.models import SagaKind, SagaState
from tests.fuzz.facts import SagaFact
from tests.fuzz.foreign_mint import ForeignMint
from tests.fuzz.operations import Answer, Scene
from tests.fuzz.passing import Pass, Passed
from tests.fuzz.passings import Wish
from tests.fuzz.records import Ys


class Trail:
    """Counts; ``met`` is what happened how often."""

    def __init__(self) -> None:
        self.met: Counter[str] = Counter()
        self._changes: Counter[str] = Counter()

    def note(self, scene: Scene, answers: Sequence[Answer], wishes: Mapping[Ys, Wish]) -> None:
        """Look at one step."""
        for id_, saga in scene.facts.sagas.items():
            before = scene.open_before.get(id_)
            if saga.kind is SagaKind.FORWARD:
                self._note_saga(saga, before, wishes)
            elif saga.purpose in (FOREIGN_CREATE, FOREIGN_TOPUP) and saga.state is SagaState.DONE:
                self._note_credit(saga, scene)
        for operation, answer in zip(scene.asked, answers, strict=True):
            if isinstance(operation, Pass):
                self._note_answer(answer)

    def _note_saga(
        self, saga: SagaFact, before: SagaFact | None, wishes: Mapping[Ys, Wish]
    ) -> None:
        resumed = "" if before is None else ", found out later"
        if before is None and saga.state is SagaState.OPEN:
            self.met["left open"] += 1
        if saga.state is SagaState.DONE:
            mint = wishes[saga.ys].given.mint
            lied = isinstance(mint, ForeignMint) and mint.lied_about(saga.ys)
            self.met[("its mint lied" if lied else "paid") + resumed] += 1
        elif saga.state is SagaState.FAILED:
            given = None if before is None else wishes[before.ys].given
            gone = given is not None and any(given.mint.spent_by_user(y) for y in given.ys)
            self.met[("spent elsewhere" if gone else "not paid") + resumed] += 1

    def _note_credit(self, saga: SagaFact, scene: Scene) -> None:
        now = [s for s in scene.facts.sagas.values() if s.kind is SagaKind.FORWARD]
        going = any(s.invoice == saga.ys and s.state is not SagaState.FAILED for s in now)
        known = any(p.invoice == saga.ys for p in scene.before.passings.values())
        paying = any(isinstance(operation, Pass) for operation in scene.asked)
        if not going and not known:
            self.met["credited although given up"] += 1
        else:
            self.met["credited" if paying else "credited by itself"] += 1

    def _note_answer(self, answer: Answer) -> None:
        told = answer.value
        if isinstance(told, Passed) and told.change:
            again = self._changes[told.change] > 0
            self.met["change told again" if again else "change told"] += 1
            self._changes[told.change] += 1
        elif answer.lost:
            self.met["answer lost"] += 1
        elif answer.error is not None:
            self.met[f"answered {type(answer.error).__name__}"] += 1
