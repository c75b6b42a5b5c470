import json
import logging

import pytest

from routstr.ledger.entries import Held
from routstr.money import Msat
from routstr.payment.change import Change, Purse
from routstr.payment.metering import Meter, Offer
from routstr.payment.pricing import Quote
from routstr.payment.usage import Usage
from routstr.proxy.dialects.base import Service
from routstr.proxy.dialects.choices import CHAT
from routstr.proxy.exchange import Exchange
from routstr.proxy.sale import Sale, believable
from tests.unit.core.asgi import http_scope
from tests.unit.proxy.harness import SNAPSHOT, Books

SERVICE = Service("good", "played", "r-1")


async def nothing(*_: object) -> None:
    raise AssertionError("nothing is sent or received here")


def sale(held: int = 1_000, purse: Purse | None = None) -> Sale:
    books = Books()
    books.holds[1] = None  # type: ignore[assignment]
    books.amounts[1] = held
    entry = SNAPSHOT.models["good"]
    offer = Offer(entry, Quote(Msat(1), Msat(held), Msat(held), 1, 0, 0), 0, 1, None)
    meter = Meter(books, offer, Held(1, Msat(held), Msat(0)), purse=purse)
    exchange = Exchange(http_scope("POST", "/"), nothing, nothing, "r-1")  # type: ignore[arg-type]
    return Sale(exchange, meter, CHAT, SERVICE, Usage(8, 0, reported=False), [])


@pytest.mark.parametrize(
    ("reported", "output", "billed"),
    [
        (Usage(12, 6), 0, Usage(12, 6)),
        (None, 5, Usage(8, 5, reported=False)),
        (None, 0, Usage(8, 0, reported=False)),
        (Usage(12, 0), 5, Usage(12, 5, reported=False)),
        (Usage(0, 6), 6, Usage(8, 6, reported=False)),
        (Usage(0, 0), 5, Usage(8, 5, reported=False)),
        (Usage(12, 0), 0, Usage(12, 0)),
        (Usage(0, 0), 0, Usage(0, 0)),
    ],
)
async def test_what_cannot_be_true_is_estimated(
    reported: Usage | None, output: int, billed: Usage
) -> None:
    sold = sale()
    receipt = await sold.settle(reported, output)
    assert receipt.usage == billed
    assert sold.exchange.receipt is receipt


class Rest:
    def pending(self, owned: Msat) -> Change:
        return Change(left=owned, pending=True)

    async def give_back(self, owned: Msat) -> Change:
        return Change(token="cashuB", amount=owned)


async def test_a_sale_closes_with_the_change_of_who_keeps_no_balance_here() -> None:
    sold = sale(purse=Rest())
    receipt = await sold.close(Usage(12, 6))
    assert receipt.change == sold.exchange.change == Change(token="cashuB", amount=Msat(999_969))
    assert (sold.exchange.receipt, receipt.charged) == (receipt, Msat(31))


async def test_a_sale_to_a_key_closes_without_change() -> None:
    sold = sale()
    receipt = await sold.close(None, 5)
    assert (receipt.change, sold.exchange.change) == (None, None)
    assert receipt.usage == Usage(8, 5, reported=False)


async def test_a_loss_is_flagged_to_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await sale().settle(Usage(12, 6), 0)
        assert not caplog.records
        receipt = await sale(held=20).settle(Usage(12, 6), 0)
    assert receipt.uncollected == Msat(11)
    (record,) = caplog.records
    told = json.dumps(vars(record), default=str)
    assert '"uncollected_msat": 11' in told


@pytest.mark.parametrize(
    ("reported", "believed"),
    [(None, False), (Usage(0, 6), False), (Usage(12, 0), False), (Usage(12, 6), True)],
)
def test_only_a_full_report_needs_no_estimate(reported: Usage | None, *, believed: bool) -> None:
    assert believable(reported) is believed
