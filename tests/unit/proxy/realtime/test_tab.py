"""Holds of responses in any order of events: each response has one, and each hold has one end."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routstr.catalog.snapshot import ModelEntry
from routstr.errors import RoutstrError, UpstreamError
from routstr.money import Msat
from routstr.payment.metering import Meter, Offer, Receipt
from routstr.proxy.realtime.news import Outcome, read_news
from routstr.proxy.realtime.reading import Reading, quote_response
from routstr.proxy.realtime.setup import Setup
from routstr.proxy.realtime.tab import Paid, Tab
from tests.unit.proxy.harness import Books
from tests.unit.proxy.realtime.conversing import FIRST, TALKS, USUAL, snapshot

ENTRY: ModelEntry = snapshot().models[TALKS]
USAGE = {"input_tokens": 100, "output_tokens": 50}
COST = 1 + 100 * 4 + 50 * 16


class Desk:
    """Makes holds in books of memory."""

    def __init__(self, books: Books, reading: Reading) -> None:
        self.books, self.reading = books, reading
        self.receipts: list[Receipt] = []

    def _quote(self, limit: int | None) -> Any:
        written = ENTRY.output_limit if limit is None else limit
        return quote_response(ENTRY.rates, self.reading.worst(ENTRY), written, Msat(1))

    def need(self, limit: int | None) -> Msat:
        want: Msat = self._quote(limit).want
        return want

    async def hold(self, limit: int | None) -> Paid:
        quoted = self._quote(limit)
        offer = Offer(ENTRY, quoted, 0, 1, None)
        meter = await Meter.open(self.books, 7, offer, request_id="r", endpoint="/v1/realtime")
        return Paid(meter, quoted.max_output_tokens)

    def likely(self) -> int:
        return self.reading.likely(ENTRY)

    def charged(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)


def outcome(response: str, status: str = "completed", usage: object = USAGE) -> Outcome:
    told = {"id": response, "status": status, "usage": usage}
    text = json.dumps({"type": "response.done", "response": told})
    return Outcome(text, read_news(text))


def opened(posted: int = 10**7, *, automatic: bool = False) -> tuple[Tab, Books, Setup, Reading]:
    books, setup, reading = Books(posted=posted), Setup(), Reading()
    setup.automatic = automatic
    return Tab(Desk(books, reading), setup, reading), books, setup, reading


async def spare(books: Books) -> int:
    """End what is left, as the stack of a conversation does; what that was."""
    left = set(books.holds) - set(books.ends)
    for hold in left:
        await books.release(hold)
    return len(left)


async def test_one_response_is_charged_once_whatever_is_told_twice() -> None:
    tab, books, _, _ = opened()
    await tab.open()
    await tab.promise("a", None)
    await tab.begin("r1")
    await tab.begin("r1")
    assert tab.running == ("r1",)
    receipt = await tab.finish(outcome("r1"))
    assert receipt is not None
    assert receipt.charged == COST
    assert await tab.finish(outcome("r1")) is None
    assert await spare(books) == 0
    assert books.posted == 10**7 - COST


async def test_a_response_without_a_beginning_is_paid_for_all_the_same() -> None:
    tab, books, _, _ = opened()
    await tab.open()
    assert await tab.finish(outcome("r1")) is not None
    assert await tab.finish(outcome("")) is not None
    assert await tab.finish(outcome("")) is not None, "without an id each is one of its own"
    assert await spare(books) == 0
    assert books.posted == 10**7 - 3 * COST


async def test_an_id_that_is_used_twice_is_no_free_response() -> None:
    tab, books, _, _ = opened()
    await tab.open()
    await tab.finish(outcome("r1"))
    with pytest.raises(UpstreamError, match="twice"):
        await tab.begin("r1")
    assert await spare(books) == 0


async def test_a_failure_that_says_nothing_costs_nothing() -> None:
    tab, books, _, _ = opened()
    await tab.open()
    await tab.promise("a", None)
    receipt = await tab.finish(outcome("r1", "failed", None))
    assert receipt is not None
    assert receipt.charged == 0
    assert books.posted == 10**7


async def test_what_is_refused_is_given_back() -> None:
    tab, books, _, _ = opened()
    await tab.open()
    await tab.promise("a", None)
    await tab.refused("nobody's")
    before = tab.quiet
    await tab.refused("a")
    assert (before, tab.quiet) == (False, True)
    assert await spare(books) == 0


async def test_a_spare_hold_makes_room_for_a_larger_one() -> None:
    tab, books, _, reading = opened(FIRST + 200_000, automatic=True)
    await tab.open()
    reading.add_words(4_000, 10)
    await tab.cover()
    assert books.held > FIRST
    assert await spare(books) == 1


async def test_who_leaves_pays_for_what_was_asked_and_who_is_left_does_not() -> None:
    for left in (True, False):
        tab, books, _, reading = opened()
        await tab.open()
        reading.add_words(100, 50)
        await tab.promise("a", None)
        await tab.promise("b", None)
        await tab.begin("r1")
        await tab.end(left=left)
        await spare(books)
        assert (books.posted < 10**7) is left


async def test_a_balance_for_one_response_at_a_time_lapses() -> None:
    tab, books, _, _ = opened(FIRST + USUAL, automatic=True)
    await tab.open()
    await tab.begin("r1")
    assert tab.lapsed is not None
    before = tab.over
    await tab.finish(outcome("r1"))
    assert (before, tab.over) == (False, True), "what was begun is served"
    assert await spare(books) == 0


steps = st.lists(
    st.tuples(
        st.sampled_from(["promise", "begin", "finish", "refuse", "grow", "cover", "mode"]),
        st.integers(min_value=0, max_value=3),
    ),
    max_size=30,
)


@given(steps, st.integers(min_value=0, max_value=3 * FIRST), st.booleans(), st.booleans())
@settings(deadline=None)
def test_whatever_happens_no_hold_is_left_and_no_response_is_free(
    taken: list[tuple[str, int]], posted: int, automatic: bool, left: bool
) -> None:
    asyncio.run(play(taken, posted, automatic=automatic, left=left))


async def play(taken: list[tuple[str, int]], posted: int, *, automatic: bool, left: bool) -> None:
    tab, books, setup, reading = opened(posted, automatic=automatic)
    finished: set[str] = set()
    for step, number in taken:
        name = f"r{number}"
        try:
            match step:
                case "promise":
                    await tab.promise(name, number or None)
                case "begin":
                    await tab.begin(name)
                case "finish":
                    if await tab.finish(outcome(name)) is not None:
                        finished.add(name)
                case "refuse":
                    await tab.refused(name)
                case "grow":
                    reading.add_words(2_000 * number, number)
                case "cover":
                    await tab.cover()
                case _:
                    setup.automatic = not setup.automatic
        except RoutstrError:
            continue
    running = len(tab.running)
    assert len(books.holds) - len(books.ends) >= running, "each that runs is held for"
    await tab.end(left=left)
    await spare(books)
    charged = [end for end in books.ends.values() if end is not None]
    assert len(charged) >= len(finished)
    assert books.held == 0
    assert books.posted >= 0
