"""A paid request found again by its id."""

import pytest

from routstr.ledger.entries import Held, HoldState
from routstr.ledger.served import Served, find_served, newest_hold
from routstr.money import Msat
from tests.integration.ledger.bank import Bank, request, settlement


async def found(bank: Bank, request_id: str, after: int = 0) -> Served | None:
    return await bank.db.read(lambda c: find_served(c, request_id, after=after))


async def test_the_newest_hold(bank: Bank) -> None:
    assert await bank.db.read(newest_hold) == 0
    held = await bank.ledger.hold(request(await bank.customer(100), 10))
    assert isinstance(held, Held)
    assert await bank.db.read(newest_hold) == held.hold


@pytest.mark.parametrize("end", ["open", "settled", "released", "expired", "late"])
async def test_a_request_tells_how_far_it_got(bank: Bank, end: str) -> None:
    wish = request(await bank.customer(100), 50)
    held = await bank.ledger.hold(wish)
    assert isinstance(held, Held)
    if end in {"released", "expired", "late"}:
        await bank.ledger.release(held.hold, expire=end != "released")
    if end in {"settled", "late"}:
        await bank.ledger.settle(settlement(held.hold, 30))
    served = await found(bank, wish.request_id)
    assert served is not None
    assert served.state is HoldState[end.upper()]
    assert served.settled is (end in {"settled", "late"})
    assert served.charged == Msat(30 if served.settled else 0)
    assert (served.request_id, served.model) == (wish.request_id, wish.model)
    assert served.owner == bank.branches[0].id


async def test_only_what_came_later_is_looked_at(bank: Bank) -> None:
    wish = request(await bank.customer(100), 10)
    held = await bank.ledger.hold(wish)
    assert isinstance(held, Held)
    assert await found(bank, wish.request_id, held.hold) is None
    assert await found(bank, wish.request_id, held.hold - 1) is not None
    assert await found(bank, "another") is None
