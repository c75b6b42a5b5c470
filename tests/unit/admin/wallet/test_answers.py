from routstr.admin.wallet.answers import saga_answer
from routstr.money import Unit
from routstr.payment.movements import Wait
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.overview import Movement


def test_only_an_open_movement_waits_for_something() -> None:
    def told(state: SagaState) -> str | None:
        saga = Movement(
            id=7, kind=SagaKind.MINT, purpose="topup", state=state, mint="https://mint.example",
            unit=Unit.MSAT, gross=21, fee=0, created_at=1_000, ended_at=None, owner=1,
            problem="no answer",
        )  # fmt: skip
        answer = saga_answer(saga, listed=[saga.mint], alive=[1], resting=[], now_ms=91_500)
        assert (answer.kind, answer.age_s, answer.unit) == ("mint", 90, Unit.MSAT)
        return answer.waits_for

    assert told(SagaState.OPEN) == Wait.MINT_ANSWER.value
    assert told(SagaState.DONE) is None
