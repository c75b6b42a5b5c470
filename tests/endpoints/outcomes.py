"""What befalls a request: what the provider does, what the client sees, what may be charged."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from devkit.upstream import Play, Shape, chat, refuse, silent
from tests.endpoints.client import Answer
from tests.endpoints.payers import hold
from tests.endpoints.prices import PriceList, tool_charge
from tests.endpoints.rows import Row
from tests.endpoints.saying import Bounds, Use, exactly

Name = Literal["ok", "4xx", "5xx", "timeout", "cut", "no usage", "gone"]
OUTCOMES: Final[tuple[Name, ...]] = ("ok", "4xx", "5xx", "timeout", "cut", "no usage", "gone")
_ERRORS: Final = {
    "4xx": (400, "upstream_rejected"),
    "5xx": (500, "upstream_rejected"),
    "timeout": (504, "upstream_timeout"),
    "cut": (502, "upstream_request_failed"),
}


@dataclass(frozen=True, slots=True)
class Charge:
    """Least and most that a request may cost, in msat."""

    least: int
    most: int

    def __contains__(self, msat: int) -> bool:
        return self.least <= msat <= self.most

    def __str__(self) -> str:
        return f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"


NOTHING: Final = Charge(0, 0)


def play_of(name: Name, row: Row, use: Use, rng: Random, gate: asyncio.Event) -> Play:
    """What the provider does. ``gate`` opens when the client of ``gone`` has left."""
    plays: dict[Name, Callable[[], Play]] = {
        "4xx": lambda: refuse(rng.choice((400, 422)), message="No such thing."),
        "5xx": lambda: refuse(500),
        "timeout": silent,
        "cut": lambda: chat(use.reply, _cut(row, rng)),
        "no usage": lambda: chat(use.reply, Shape(usage_at="nowhere")),
        "gone": lambda: chat(
            use.reply, Shape(gate=gate, gate_after=row.first if row.stream else 0)
        ),
    }
    return plays.get(name, lambda: chat(use.reply))()


def charge_of(name: Name, row: Row, use: Use, sent_bytes: int, prices: PriceList) -> Charge:
    """What may be charged, by the published prices and what the provider said."""
    if not _is_served(name, row):
        return NOTHING
    if row.paid == "call":
        price = tool_charge(sent_bytes)
        return Charge(price, price)
    bounds: Bounds = {
        "no usage": use.untold,
        "cut": use.part if row.stream else use.untold,
    }.get(name, exactly(use.told))
    return Charge(prices.charge(row.model, bounds.least), prices.charge(row.model, bounds.most))


def judge_answer(name: Name, row: Row, answer: Answer, charged: int) -> None:
    """The client sees what it should, and is told what it was charged."""
    if name == "gone":
        return
    if not _is_served(name, row):
        judge_error(name, answer)
        return
    hold(answer.status == 200, f"it answers {answer}")
    broken = name == "cut" and row.cuts == "connection"
    hold(answer.broken is broken, f"broken off: {answer.broken}")
    hold(answer.costs == {charged}, f"told {sorted(answer.costs)}, charged {charged}")
    if not broken:
        hold(bool(answer.error) is (name == "cut"), f"an error in its stream: {answer.error}")
    if name == "no usage" and row.estimates:
        hold(answer.money.get("estimated") is True, "nobody is told that it is an estimate")
    if name == "ok":
        hold("estimated" not in answer.money, "it is told to be an estimate")


def judge_error(name: Name, answer: Answer) -> None:
    """Nothing was served, and the client is told why."""
    status, code = _ERRORS[name]
    named = answer.error.get("code")
    is_right = answer.status == status or (name == "4xx" and answer.status == 422)
    hold(is_right and named == code, f"not {status} {code}, but {answer}")
    hold(not answer.costs - {0}, f"an error that costs {sorted(answer.costs)}")


def _is_served(name: Name, row: Row) -> bool:
    """Whether the client gets something that is charged."""
    if name == "cut":
        return row.stream or row.paid == "first byte"
    return name not in {"4xx", "5xx", "timeout"}


def _cut(row: Row, rng: Random) -> Shape:
    """Broken off after some pieces of a stream, or after a part of a body."""
    ending: Literal["close", "half event"] = rng.choice(("close", "half event"))
    return Shape(stop_after=row.pieces, ending=ending)
