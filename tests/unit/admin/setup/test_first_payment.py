import pytest

from routstr.admin.setup.first_payment import FirstPayment, PaymentProblem
from routstr.admin.setup.own_door import OwnDoor
from tests.unit.admin.public import KEY, TOKEN, Public


async def test_a_client_pays_asks_and_takes_back() -> None:
    public = Public()
    payment = FirstPayment(OwnDoor(public))
    assert await payment.models() == ["cheap", "dear"]
    invoice = await payment.invoice(100, "192.0.2.1")
    assert (invoice.sats, (await payment.progress(invoice.id)).key) == (100, None)
    public.paid = True
    key = (await payment.progress(invoice.id)).key
    assert key == KEY == await payment.redeem(f" {TOKEN}\n")
    paid = await payment.ask(key, "cheap")
    assert (int(paid.cost), int(paid.balance)) == (1_500, 98_500)
    asked = public.asked[-1]
    assert asked[2] == KEY
    assert asked[3]["max_tokens"] == 64
    refund = await payment.give_back(key)
    assert (int(refund.msat), int(refund.balance)) == (98_000, 500)


async def test_what_the_node_refuses_is_told() -> None:
    public = Public()
    public.broken = True
    payment = FirstPayment(OwnDoor(public))
    for act in (payment.redeem("x"), payment.invoice(0, ""), payment.ask(KEY, "cheap")):
        with pytest.raises(PaymentProblem, match="Refused"):
            await act
