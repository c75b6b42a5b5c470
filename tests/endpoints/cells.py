"""One cell of the matrix: one endpoint in one form, one way to pay, one thing that befalls it."""

import asyncio
import json
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal

from tests.endpoints.client import Answer
from tests.endpoints.outcomes import Charge, Name, charge_of, judge_answer, play_of
from tests.endpoints.payers import Broken, Paying, hold
from tests.endpoints.provider import TICKET
from tests.endpoints.rows import FreeRow, Row
from tests.endpoints.talking import Place, TalkRow, run_talk

Payment = Literal["sk", "cashu", "x-cashu"]
PAYMENTS: Final[tuple[Payment, ...]] = ("sk", "cashu", "x-cashu")
_AWAY_S: Final = (0.0, 0.0, 0.1)
"""How long after the client has left the provider goes on."""


@dataclass(frozen=True, slots=True)
class Cell:
    """``outcome`` None: a free route, which only works."""

    row: Row | FreeRow | TalkRow
    payment: Payment
    outcome: Name | None

    def __str__(self) -> str:
        return f"{self.row}, {self.payment}, {self.outcome or 'free'}"


async def run(cell: Cell, place: Place, payer: Paying, seed: str) -> Charge:
    """Raise :class:`Broken` when anything is wrong; what was expected to be charged."""
    if isinstance(cell.row, FreeRow):
        return await _run_free(cell.row, place, payer)
    assert cell.outcome is not None, "only free routes have no outcome"
    if isinstance(cell.row, TalkRow):
        once = cell.payment == "x-cashu"
        return await run_talk(cell.outcome, place, payer, seed, pays_once=once)
    return await _run_paid(cell.row, cell.outcome, place, payer, seed)


async def _run_paid(row: Row, outcome: Name, place: Place, payer: Paying, seed: str) -> Charge:
    rng = Random(seed)
    use = row.uses(rng, stream=row.stream)
    gate = asyncio.Event()
    stage = place.stages.set(seed, play_of(outcome, row, use, rng, gate))
    request = row.request(use)
    headers = {**payer.headers, TICKET: seed}
    sent = len(request["data"]) if isinstance(request["data"], bytes) else 0
    if outcome == "gone":
        answer = await _hang_up(row, place, headers, request, stage.arrived)
        await asyncio.sleep(rng.choice(_AWAY_S))
        gate.set()
    else:
        answer = await place.bank.client.ask(row.path, headers, **request)
    wanted = charge_of(outcome, row, use, sent, place.prices)
    charged = await payer.charged(answer)
    hold(charged in wanted, f"charged {charged} msat, not {wanted}: {answer}")
    judge_answer(outcome, row, answer, charged)
    hold(stage.times == 1, f"the provider was asked {stage.times} times")
    return wanted


async def _hang_up(
    row: Row, place: Place, headers: dict[str, str], request: dict[str, Any], arrived: asyncio.Event
) -> Answer:
    """Leave after the first bytes of a stream, or while the provider works on a whole answer."""
    client = place.bank.client
    if row.stream:
        return await client.leave_after_the_first(row.path, headers, **request)
    asking = asyncio.create_task(client.ask(row.path, headers, **request))
    waiting = asyncio.create_task(arrived.wait())
    await asyncio.wait({asking, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if asking.done():
        raise Broken(f"it answers before its provider is asked: {asking.result()}")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return Answer(0, {}, b"")


async def _run_free(row: FreeRow, place: Place, payer: Paying) -> Charge:
    """It answers, nothing is charged, and no token is touched."""
    data = None if row.body is None else json.dumps(row.body).encode()
    kind = "application/json" if data else ""
    answer = await place.bank.client.ask(row.path, payer.headers, data, kind, row.method)
    hold(answer.status == 200, f"it answers {answer}")
    hold(not answer.costs - {0}, f"it tells a cost of {sorted(answer.costs)}")
    hold("X-Cashu" not in answer.headers, "it gives change")
    await payer.untouched()
    return Charge(0, 0)
