import json
from collections.abc import Callable
from typing import Any

import pytest

from devkit import faults
from devkit.faults import Answer, Fault, Lost

SIGNATURES = {
    "signatures": [
        {"amount": 1, "id": "00", "C_": "02aa", "dleq": {"e": "01", "s": "02"}},
        {"amount": 8, "id": "00", "C_": "02bb", "dleq": {"e": "03", "s": "04"}},
    ]
}


class PlayedMint:
    """Counts what is forwarded."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer or Answer(200, json.dumps(SIGNATURES).encode())
        self.handled = 0

    async def forward(self) -> Answer:
        self.handled += 1
        return self.answer


async def signatures(fault: Fault) -> list[dict[str, Any]]:
    mint = PlayedMint()
    answer = await fault(mint.forward)
    assert mint.handled == 1
    found: list[dict[str, Any]] = json.loads(answer.body)["signatures"]
    return found


async def test_an_honest_mint_is_passed_on() -> None:
    mint = PlayedMint()
    assert await faults.honest()(mint.forward) is mint.answer


@pytest.mark.parametrize("handled", [True, False])
async def test_a_lost_answer_reaches_nobody(handled: bool) -> None:
    mint = PlayedMint()
    with pytest.raises(Lost):
        await faults.lost(handled=handled)(mint.forward)
    assert mint.handled == handled


@pytest.mark.parametrize("handled", [True, False])
async def test_a_kill_comes_when_the_mint_has_handled_the_call_or_before(handled: bool) -> None:
    mint = PlayedMint()
    seen: list[int] = []
    with pytest.raises(Lost):
        await faults.killing(lambda: seen.append(mint.handled), handled=handled)(mint.forward)
    assert seen == [int(handled)]


@pytest.mark.parametrize("handled", [True, False])
@pytest.mark.parametrize(
    ("make", "status"),
    [(faults.broken, 500), (faults.garbage, 200), (faults.busy, 429)],
)
async def test_an_error_can_come_with_or_without_the_deed(
    make: Callable[..., Fault], status: int, handled: bool
) -> None:
    mint = PlayedMint()
    assert (await make(handled=handled)(mint.forward)).status == status
    assert mint.handled == handled


async def test_a_busy_mint_says_how_long_to_wait() -> None:
    answer = await faults.busy(handled=False, retry_after_s=3)(PlayedMint().forward)
    assert answer.retry_after == "3"


async def test_a_refusal_has_the_protocols_form() -> None:
    answer = await faults.refusal(11_001, handled=False)(PlayedMint().forward)
    assert answer.status == 400
    assert json.loads(answer.body)["code"] == 11_001


async def test_garbage_is_no_json() -> None:
    answer = await faults.garbage(handled=False)(PlayedMint().forward)
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(answer.body)


async def test_a_late_mint_answers_after_all() -> None:
    mint = PlayedMint()
    assert await faults.late(0)(mint.forward) is mint.answer


async def test_wrong_amounts_are_the_double() -> None:
    assert [s["amount"] for s in await signatures(faults.wrong_amounts())] == [2, 16]


async def test_a_bad_dleq_proof_keeps_its_form_and_leaves_the_rest() -> None:
    first, _ = await signatures(faults.bad_dleq())
    assert first == {"amount": 1, "id": "00", "C_": "02aa", "dleq": {"e": "01", "s": "01"}}


async def test_wrong_points_are_points() -> None:
    assert {s["C_"][:2] for s in await signatures(faults.wrong_points())} == {"02"}


async def test_too_few_lack_the_last() -> None:
    assert [s["amount"] for s in await signatures(faults.too_few())] == [1]


async def test_a_mints_own_refusal_is_not_altered() -> None:
    mint = PlayedMint(Answer(400, b'{"detail": "spent", "code": 11001}'))
    assert await faults.wrong_amounts()(mint.forward) is mint.answer
