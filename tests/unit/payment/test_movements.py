import pytest
from msgspec.structs import replace

from routstr.money import Unit
from routstr.payment.movements import Wait, plain, waits_for
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.overview import Movement

MINT = "https://mint.example"
SAGA = Movement(
    id=7, kind=SagaKind.SEND, purpose="refund", state=SagaState.OPEN, mint=MINT, unit=Unit.SAT,
    gross=21, fee=1, created_at=1_000, ended_at=None, owner=1, problem=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("saga", "resting", "now_ms", "wait"),
    [
        (SAGA, (), 2_000, Wait.NOTHING),
        (SAGA, (), 900_000, Wait.NOTHING),
        (replace(SAGA, problem="no answer"), (), 2_000, Wait.MINT_ANSWER),
        (replace(SAGA, problem="no answer"), (MINT,), 2_000, Wait.MINT_RESTS),
        (replace(SAGA, owner=2), (MINT,), 2_000, Wait.OTHER_INSTANCE),
        (replace(SAGA, mint="https://other.example"), (), 2_000, Wait.MINT_OFF_LIST),
        (replace(SAGA, kind=SagaKind.MELT), (), 2_000, Wait.NOTHING),
        (replace(SAGA, kind=SagaKind.MELT), (), 900_000, Wait.LIGHTNING),
    ],
)
def test_an_open_movement_says_what_it_waits_for(
    saga: Movement, resting: tuple[str, ...], now_ms: int, wait: Wait
) -> None:
    found = waits_for(saga, listed=[MINT], alive=[1], resting=resting, now_ms=now_ms)
    assert found is wait


def test_machines_read_names_instead_of_numbers() -> None:
    told = plain(SAGA)
    assert (told["kind"], told["state"], told["unit"]) == ("send", "open", "sat")
